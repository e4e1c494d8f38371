package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.CriuRestore;
import dev.ferry.node.criu.PlainRestore;
import dev.ferry.node.gpu.GpuAccess;
import dev.ferry.node.gpu.GpuPair;
import dev.ferry.node.hooks.HookEvent;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.node.volumes.VolumeRestore;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.RestoreJob;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.plain.PlainCheck;
import dev.ferry.storage.plain.PlainDump;
import dev.ferry.storage.plain.PlainImage;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Brings a job back from an image: folders first, then processes. After a failure nothing of it is left. */
final class RestoreAction {
    private static final Logger LOG = LoggerFactory.getLogger(RestoreAction.class);

    private final LocalJob job;
    private final Command command;
    private final Phases phases;
    private final long end;

    RestoreAction(LocalJob job, Command command, Phases phases) {
        this.job = job;
        this.command = command;
        this.phases = phases;
        end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(command.getDeadlineMillis());
    }

    static String runFolder(Command command) {
        return runFolder(command.getIncarnation());
    }

    static String runFolder(long incarnation) {
        return "restore-" + incarnation;
    }

    void run() throws Exception {
        JobHooks hooks = new JobHooks(job, command, phases);
        String image = command.getRestore().getImage();
        hooks.around(
                HookEvent.AFTER_RESTORE,
                image,
                () -> {
                    hooks.ask(HookEvent.BEFORE_RESTORE, image);
                    restore();
                });
    }

    private void restore() throws Exception {
        RestoreJob order = command.getRestore();
        Optional<FilledMemory> filled = job.takeFilled();
        try (ImageReader image = job.context().images().read(order.getImage(), job.context().peer(order.hasPeer(), order.getPeer()))) {
            try {
                restore(image, filled);
            } finally {
                phases.record(image.origins());
            }
        } catch (Exception | Error failed) {
            // Also what CRIU brought back: without its GPU state it must not live.
            EndActions.undoCreation(job, failed);
            throw failed;
        } finally {
            filled.ifPresent(memory -> Failures.guarded(job, "closing what was said to criu", memory::close));
        }
    }

    private void restore(ImageReader image, Optional<FilledMemory> filled) throws Exception {
        JobSpec spec = command.getRestore().getSpec();
        checkThatItIsOurs(image);
        job.context().policy().check(spec);
        // Names every mount source that is missing here, and every GPU that does not fit, before anything is fetched.
        RootPlan ignored = job.plan(spec);
        List<String> gpus = command.getRestore().getGpusList();
        List<GpuPair> map = GpuPhase.map(job, image.manifest().getImage(), gpus);
        GpuAccess access = GpuAccess.of(job.context().gpu(), gpus);
        Optional<GpuFiles> mounted = GpuFilePlaces.of(image.manifest().getImage().getRequirements());
        if (mounted.isPresent()) {
            GpuFilePlaces.require(job.context(), spec, job.folder(), access, mounted.get());
        }
        Optional<PlainDump> plain = plain(image, spec);
        plain.ifPresent(dump -> job.context().policy().requireIds(dump.ids()));
        LogCut.keep(job, image.manifest().getImage().getLogBytes());
        Optional<JobProcess> there = Optional.empty();
        if (filled.isPresent()) {
            there = plain.isEmpty() ? intoFilled(filled.get(), image, access, mounted) : Optional.empty();
            if (there.isEmpty()) {
                filled.get().remove(job);
            }
        }
        JobProcess process = there.isPresent() ? there.get() : anew(image, plain, access, mounted);
        GpuPhase gpu = new GpuPhase(job, phases);
        GpuPhase.enter(process, spec, access);
        gpu.goOn(map);
        Holds.requireThatItStands(job);
        job.enter(LocalState.LOCAL_RUNNING, record -> LocalJob.setProcess(record, process));
        new JobNotify(job).goesOn(JobNotify.RESTORED);
        Trees.tryDelete(job.folder().criu(runFolder(command)));
    }

    private JobProcess anew(ImageReader image, Optional<PlainDump> plain, GpuAccess access, Optional<GpuFiles> mounted) throws Exception {
        image.prefetch();
        job.clearFolder();
        Files.createDirectories(job.folder().path());
        RootPlan root = prepare(image, access, mounted, 0);
        if (plain.isPresent()) {
            return adopt(plain.get(), image, root);
        }
        try (CriuRestore criu = CriuRestore.start(job.context().criu(), runFolder(command), command.getRestore().getSpec(), job.cgroup(), job.folder(), root, image)) {
            return bringBack(image, root, criu);
        }
    }

    /**
     * Takes memory that was filled while the job ran elsewhere.
     *
     * @return empty: it was not for this restore, or CRIU could not do it, and nothing of the job has run
     */
    private Optional<JobProcess> intoFilled(FilledMemory filled, ImageReader image, GpuAccess access, Optional<GpuFiles> mounted) throws Exception {
        if (!filled.fits(command.getRestore(), runFolder(command))) {
            return Optional.empty();
        }
        // While it is restored, what has changed is there twice.
        RootPlan root = prepare(image, access, mounted, filled.criu().bytesAhead());
        if (!root.equals(filled.plan())) {
            return Optional.empty();
        }
        filled.criu().restores(image);
        try {
            JobProcess process = bringBack(image, root, filled.criu());
            // And nothing else of the group: the job runs.
            Failures.guarded(job, "setting the memory limit of the job", () -> job.cgroup().limits().setMemory(limits(image, 0).memoryBytes()));
            return Optional.of(process);
        } catch (FerryException failed) {
            if (filled.criu().mayHaveRun() || failed.code() != ErrorCode.RESTORE_FAILED) {
                throw failed;
            }
            LOG.warn("job {}: it can't be restored into the memory that was filled for it, and is restored as always", job.id(), failed);
            return Optional.empty();
        }
    }

    /**
     * The folder of the job is there, and empty but for what {@link FillAction} made.
     *
     * @param beside bytes of memory that the restore may need beside the image's
     */
    private RootPlan prepare(ImageReader image, GpuAccess access, Optional<GpuFiles> mounted, long beside) throws IOException {
        JobSpec spec = command.getRestore().getSpec();
        GpuPhase.give(job, spec, access, mounted, false);
        GpuPhase.remember(job, image.manifest().getImage());
        RootPlan plan = job.plan(spec);
        job.context().policy().check(plan);
        limits(image, beside).apply(job.cgroup(), job.context().policy().tasks());
        return plan.withDevices(GpuPhase.allow(job, access));
    }

    /** What the image is a plain dump of, if it is one. */
    private static Optional<PlainDump> plain(ImageReader image, JobSpec spec) throws IOException {
        if (!image.manifest().getImage().getPlainDump()) {
            return Optional.empty();
        }
        PlainDump dump = PlainDump.read(new PlainImage(image));
        // Also here: whoever imported it may have had a file that was put together by hand.
        PlainCheck.require(dump, spec);
        PlainRestore.requireIds(dump);
        return Optional.of(dump);
    }

    private Limits limits(ImageReader image, long beside) {
        return Limits.of(command.getRestore().getSpec()).fitting(image.manifest().getImage().getMemoryBytes() + beside);
    }

    /** The sandbox comes back with the processes. */
    private JobProcess bringBack(ImageReader image, RootPlan root, CriuRestore criu) throws Exception {
        VolumeRestore volumes = new VolumeRestore(image);
        phases.measure("folders", volumes::bytes, 0, () -> restoreFolders(image, volumes));
        root.makeSkeleton(job.folder().root());
        Holds.requireThatItStands(job);
        Image facts = image.manifest().getImage();
        long bytes = facts.getBytes() - facts.getHoleBytes();
        CriuRestore.Restored restored = phases.measure("restore", () -> 0, bytes, () -> criu.restore(left()));
        if (restored.kept() > 0) {
            phases.record("was there", 0, restored.kept());
        }
        RestoreOrder.write(job.folder(), restored.asked());
        return restored.process();
    }

    /** The sandbox is made as for a start, and the processes are restored into it. */
    private JobProcess adopt(PlainDump dump, ImageReader image, RootPlan root) throws Exception {
        JobSpec spec = command.getRestore().getSpec();
        job.folder().createVolumes(spec.getUid(), spec.getGid());
        root.makeSkeleton(job.folder().root());
        Holds.requireThatItStands(job);
        JobProcess sandbox =
                phases.measure("sandbox", () -> 0, 0, () -> job.context().sandbox().startEmpty(job.runName(), spec, job.folder(), root, job.cgroup(), dump.rootPid(), dump.clocks(), left()));
        PlainRestore criu = new PlainRestore(job.context().criu(), runFolder(command), job.folder(), sandbox, job.cgroup(), root);
        phases.measure("restore", () -> criu.restore(dump, image, left()));
        return sandbox;
    }

    private Duration left() {
        return Duration.ofNanos(Math.max(1, end - System.nanoTime()));
    }

    private void checkThatItIsOurs(ImageReader image) {
        String owner = image.manifest().getImage().getJob();
        if (!owner.equals(job.id())) {
            throw new FerryException(
                    ErrorCode.INVALID_ARGUMENT, "Image " + command.getRestore().getImage() + " is of job " + owner + ", not of " + job.id());
        }
    }

    private Void restoreFolders(ImageReader image, VolumeRestore volumes) throws Exception {
        for (StoredVolume volume : image.manifest().getVolumesList()) {
            volumes.restore(volume, job.folder().volume(volume.getName()));
        }
        return null;
    }
}
