package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.common.PrivateFolder;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.criu.CriuRestore;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.node.volumes.VolumeRestore;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.TriedRestore;
import dev.ferry.proto.v1.TryRestore;
import dev.ferry.storage.ImageReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tries whether images can be restored here. What comes back is no life of its job: it has no journal, is in no group of the node's jobs and in
 * no report, and none of it ever runs. Its processes come back stopped, in a sandbox without network as every other, with all that is
 * written to folders from outside kept in memory; then they are killed. A daemon that comes back removes what is left of it.
 */
final class RestoreTrials {
    private static final Logger LOG = LoggerFactory.getLogger(RestoreTrials.class);
    private static final String RUN = "trial";
    private static final Duration DEATH = Duration.ofSeconds(5);

    private final NodeContext context;
    private final String cgroup;
    private final Path folder;
    private final OrderThreads threads;
    private final String begun = Long.toString(System.currentTimeMillis(), Character.MAX_RADIX);
    private final AtomicLong number = new AtomicLong();

    RestoreTrials(NodeContext context) {
        this.context = context;
        threads = new OrderThreads(context.outbox());
        cgroup = context.cgroup() + ".trials";
        folder = context.data().resolve("trials");
    }

    /** Removes what an earlier daemon was in the middle of. */
    void recover() {
        for (String left : new JobCgroup(context.layout(), cgroup).names()) {
            LOG.warn("the trial of an image that an earlier daemon began is ended");
            clear(new JobCgroup(context.layout(), cgroup + "/" + left));
        }
        clear(folder);
    }

    /** What can't be removed now holds nobody up: it has no name that is used again. */
    private static void clear(JobCgroup group) {
        try {
            if (group.exists()) {
                group.kill(DEATH);
                group.remove();
            }
        } catch (FerryException | IOException later) {
            LOG.warn("what a trial left in the control group {} is killed, and not gone yet", group.path(), later);
        }
    }

    private static void clear(Path folder) {
        try {
            Trees.delete(folder);
        } catch (IOException later) {
            LOG.warn("the folder {} of trials stays until the next start", folder, later);
        }
    }

    void submit(Command command) {
        threads.submit("trial " + command.getTryRestore().getImage(), command, this::run);
    }

    private CommandResult run(Command command) {
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId());
        try (Phases phases = new Phases(command.getId(), context.outbox())) {
            try {
                result.setTried(phases.measure("trial", () -> 0, 0, () -> tryOut(command)));
            } catch (Exception | Error failed) {
                LOG.warn("image {} could not be restored for trial", command.getTryRestore().getImage(), failed);
                result.setError(Failures.detail(failed, ErrorCode.RESTORE_FAILED));
            }
            result.addAllPhases(phases.done());
        }
        return result.build();
    }

    private TriedRestore tryOut(Command command) throws Exception {
        String name = begun + "-" + number.incrementAndGet();
        JobFolder own = new JobFolder(folder.resolve(name));
        JobCgroup group = new JobCgroup(context.layout(), cgroup + "/" + name);
        JobSpec spec = command.getTryRestore().getSpec();
        try {
            context.policy().check(spec);
            RootPlan plan = RootPlan.of(spec, own, context.policy().hidden());
            context.policy().check(plan);
            return restore(command, own, group, plan, covered(plan, own));
        } catch (FerryException unfit) {
            if (isFull(unfit)) {
                return TriedRestore.newBuilder().setNotTried("a file from outside that the job has open for writing is too large to be kept in memory: " + unfit.getMessage()).build();
            }
            if (unfit.code() != ErrorCode.MOUNT_REFUSED && unfit.code() != ErrorCode.POLICY_REFUSED) {
                throw unfit;
            }
            return TriedRestore.newBuilder().setNotTried(unfit.getMessage()).build();
        } finally {
            clear(group);
            clear(own.path());
        }
    }

    /** The folders in memory that lie over those from outside have little room, unlike the folders themselves. */
    private static boolean isFull(FerryException failed) {
        return failed.detail().getEvidenceList().stream().anyMatch(line -> line.contains("No space left on device"));
    }

    /** Folders from outside that the job could write. */
    private static List<Path> covered(RootPlan plan, JobFolder own) {
        List<Path> covered = new ArrayList<>();
        for (RootPlan.Bind bind : plan.binds()) {
            boolean outside = !bind.readOnly() && !bind.source().startsWith(own.path());
            if (outside && !Files.isDirectory(bind.source())) {
                throw new FerryException(ErrorCode.MOUNT_REFUSED, "The mount " + bind.source() + " is a file that the job can write: only folders can be kept from being written");
            }
            if (outside) {
                covered.add(bind.source());
            }
        }
        return covered;
    }

    private TriedRestore restore(Command command, JobFolder own, JobCgroup group, RootPlan plan, List<Path> covered) throws Exception {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(command.getDeadlineMillis());
        TryRestore order = command.getTryRestore();
        JobSpec spec = order.getSpec();
        try (ImageReader image = context.images().readFromStore(order.getImage())) {
            if (image.manifest().getImage().getPlainDump()) {
                return TriedRestore.newBuilder().setNotTried("it is a dump that was made by hand with criu, and the sandbox into which it is restored is only made for its job").build();
            }
            image.prefetch();
            PrivateFolder.make(own.path());
            Limits.of(spec).fitting(image.manifest().getImage().getMemoryBytes()).apply(group, context.policy().tasks());
            CriuRestore.Restored restored;
            try (CriuRestore criu = CriuRestore.startStopped(context.criu(), RUN, spec, group, own, plan, image, covered)) {
                VolumeRestore volumes = new VolumeRestore(image);
                for (StoredVolume volume : image.manifest().getVolumesList()) {
                    volumes.restore(volume, own.volume(volume.getName()));
                }
                plan.makeSkeleton(own.root());
                restored = criu.restore(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
            }
            int processes = group.processes().size();
            if (!restored.process().isAlive() || processes == 0) {
                throw new FerryException(ErrorCode.RESTORE_FAILED, "CRIU brought the image back, and its first process is gone");
            }
            return TriedRestore.newBuilder().setProcesses(processes).build();
        }
    }
}
