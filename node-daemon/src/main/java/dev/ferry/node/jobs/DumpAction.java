package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.CriuAftermath;
import dev.ferry.node.criu.CriuDump;
import dev.ferry.node.hooks.HookEvent;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.volumes.SharedMappings;
import dev.ferry.node.volumes.VolumeCapture;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.DumpJob;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.Tenants;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Saves a running job into an image. The job stands still from the freeze until CRIU and the walk of its
 * folders have taken all; then it goes on (checkpoint), or stays frozen until the coordinator's word (the
 * image must be committed before anything is killed). Any failure on the way thaws it.
 */
final class DumpAction {
    private static final Logger LOG = LoggerFactory.getLogger(DumpAction.class);

    private final LocalJob job;
    private final Command command;
    private final DumpJob order;
    private final Phases phases;
    private final JobHooks hooks;
    private final JobNotify notify;
    private final long end;

    DumpAction(LocalJob job, Command command, Phases phases) {
        this.job = job;
        this.command = command;
        order = command.getDump();
        this.phases = phases;
        hooks = new JobHooks(job, command, phases);
        notify = new JobNotify(job);
        end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(command.getDeadlineMillis());
    }

    /** Folder of CRIU's socket and log for a command's dump. */
    static String runFolder(Command command) {
        return "dump-" + command.getDump().getSequence();
    }

    /** Removes the folder of a run that is over, unless it is the only record of packets that are still dropped: the agent lets them pass by it. */
    static void leave(Path run) {
        if (!CriuAftermath.dropsPackets(run)) {
            Trees.tryDelete(run);
        }
    }

    void run(CommandResult.Builder result) throws Exception {
        JobProcess process = job.process().orElseThrow(() -> new FerryException(ErrorCode.WRONG_STATE, "Job " + job.id() + " has no process here"));
        requireAlive(process);
        Holds.requireThatItStands(job);
        hooks.awaitEvacuation();
        // Of several hooks before it the last may refuse: what the others did is undone by those after it.
        hooks.around(
                HookEvent.AFTER_DUMP,
                order.getImage(),
                () -> {
                    hooks.ask(HookEvent.BEFORE_DUMP, order.getImage());
                    save(process, result);
                });
    }

    private void save(JobProcess process, CommandResult.Builder result) throws Exception {
        boolean runsAgain = false;
        boolean told = false;
        boolean released = false;
        Optional<FerryException> lost = Optional.empty();
        boolean parked = job.record().getParked();
        GpuPhase gpu = new GpuPhase(job, phases);
        try (DumpHeap.Use heap = DumpHeap.OF_PROCESS.begin();
                ImageWriter image = writer();
                CriuDump criu = CriuDump.start(job.context().criu(), runFolder(command), process, job.cgroup(), job.folder(), job.plan(order.getSpec()), image)) {
            Manifest before = previous(image);
            image.room(heap.room(job.id()));
            phases.measure("prepare", () -> prepare(heap));
            // Its start takes as long as all this; from here on it needs the job.
            phases.measure("criu", () -> criu.awaitReady(left()));
            if (!parked) {
                hooks.ask(HookEvent.BEFORE_FREEZE, order.getImage());
                told = true;
                notify.freeze(phases, left());
                // The coordinator may have spoken while the hooks and the job were waited for.
                Holds.requireThatItStands(job);
            }
            long frozenAt = System.nanoTime();
            if (parked) {
                // It is frozen, unless a way back to its GPUs was cut off in the middle.
                gpu.parkAgain();
            } else {
                gpu.saveAndFreeze(left(), bytes -> heap.take(job.id(), bytes));
                result.setGpuFreeAt(gpu.freeAt());
                hooks.frozen(order.getImage());
            }
            long logBytes = Files.isRegularFile(job.folder().log(), LinkOption.NOFOLLOW_LINKS) ? Files.size(job.folder().log()) : 0;
            boolean goesOn = !order.getStayFrozen() && !parked;
            // Of who stays frozen the image must be whole first: nothing is won by waiting.
            image.sourceStandsStill(goesOn);
            phases.measure("dump", image::bytesIn, 0, () -> capture(criu, image, before));
            image.sourceStandsStill(false);
            long frozen = System.nanoTime() - frozenAt;
            long dumped = frozen;
            record(image.spooled());
            if (goesOn) {
                job.cgroup().thaw(job.context().freezeTimeout());
                lost = goOnOnGpu(gpu);
                frozen = System.nanoTime() - frozenAt;
                notify.goesOn(JobNotify.THAWED);
                runsAgain = lost.isEmpty();
            }
            image.spec(order.getSpec());
            image.restoreOrder(RestoreOrder.read(job.folder()));
            Image facts = gpu.addTo(ImageFacts.of(job, command, logBytes, frozen));
            Image stored = phases.measure("upload", image::bytesSent, 0, () -> image.commit(facts, left()));
            recordRecognised(phases, image);
            result.setImage(stored);
            job.context().speeds().add(stored.getBytes() - stored.getHoleBytes(), dumped, image.spooled().waitedNanos(), System.nanoTime() - frozenAt);
            if (order.getStayFrozen()) {
                job.enter(LocalState.LOCAL_FROZEN, record -> record.setFrozenImage(order.getImage()));
            }
            if (lost.isPresent()) {
                // The image is whole and holds all that the job did; the job itself waits for its GPU for ever.
                EndActions.lose(job, lost.get().getMessage());
            }
            released = order.getPreCopied();
        } catch (Exception | Error failed) {
            boolean stands = !parked && !runsAgain && job.state() != LocalState.LOCAL_LOST;
            if (stands) {
                gpu.undo(failed);
            }
            if (job.state() == LocalState.LOCAL_LOST) {
                // Of that there is more to say than that it ended.
                throw failed;
            }
            if (stands && told) {
                notify.goesOn(JobNotify.THAWED);
            }
            requireAlive(process);
            throw failed;
        } finally {
            leave(job.folder().criu(runFolder(command)));
            if (released) {
                releasePreCopy(job, order.getImage());
            }
        }
    }

    private void prepare(DumpHeap.Use heap) throws IOException {
        long bytes = JobMemory.of(job.cgroup().processes()).bytes();
        heap.take(job.id(), bytes);
        job.context().buffers().prepare(bytes);
    }

    private ImageWriter writer() {
        Images images = job.context().images().forTenant(Tenants.of(order.getSpec()));
        return order.getPreCopied() ? images.writePreCopied(order.getImage(), previousId(), job.context().buffers()) : images.write(order.getImage(), previousId(), job.context().buffers());
    }

    /** An image is whole: what was copied ahead for it and is not in it goes, beside whatever follows: nobody waits for it. */
    static void releasePreCopy(LocalJob job, String image) {
        Thread unused =
                Thread.ofPlatform()
                        .daemon()
                        .name("release " + image)
                        .start(
                                () -> {
                                    try {
                                        job.context().images().releasePreCopy(image);
                                    } catch (FerryException failed) {
                                        LOG.warn("what was copied ahead for image {} stays until a collection: {}", image, failed.getMessage());
                                    }
                                });
    }

    /** Tells where the bytes waited: what was not in memory made the freeze longer. */
    private void record(ImageWriter.Spooled spooled) {
        phases.record("spool in memory", 0, spooled.memoryBytes());
        if (spooled.diskBytes() > 0) {
            phases.record("spool on disk", 0, spooled.diskBytes());
        }
        if (spooled.waitedNanos() > 0) {
            phases.record("spool full", spooled.waitedNanos(), 0);
        }
    }

    /** Tells how much of the image was as it was, so that it was not hashed for its names. */
    static void recordRecognised(Phases phases, ImageWriter image) {
        if (image.recognisedBytes() > 0) {
            phases.record("recognised", 0, image.recognisedBytes());
        }
    }

    /** @return why the job can't run on, though its state is captured; empty: it runs */
    private static Optional<FerryException> goOnOnGpu(GpuPhase gpu) throws Exception {
        try {
            gpu.goOn(List.of());
            return Optional.empty();
        } catch (FerryException failed) {
            if (failed.code() != ErrorCode.GPU_RESTORE_FAILED) {
                throw failed;
            }
            return Optional.of(failed);
        }
    }

    /** CRIU and the walk of the folders work at the same time. */
    private Void capture(CriuDump criu, ImageWriter image, @Nullable Manifest before) throws Exception {
        FutureTask<Void> folders = new FutureTask<>(() -> captureFolders(image, before));
        Thread walker = Thread.ofPlatform().daemon().name("folders " + job.id()).start(folders);
        try {
            List<String> ignored = criu.dump(left());
            return folders.get(left().toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException failed) {
            throw failed.getCause() instanceof Exception cause ? cause : failed;
        } catch (java.util.concurrent.TimeoutException late) {
            throw new FerryException(ErrorCode.DUMP_TIMEOUT, "The job's folders were not read within the deadline", late);
        } finally {
            // The walk reads a frozen job's files: it must be over before the job may go on. It is not interrupted: that would
            // close the spool's file under it, and under all other dumps.
            if (!folders.isDone()) {
                image.fail(new FerryException(ErrorCode.CANCELLED, "The dump has failed"));
            }
            walker.join();
        }
    }

    private Void captureFolders(ImageWriter image, @Nullable Manifest before) throws IOException, InterruptedException {
        long start = System.nanoTime();
        VolumeCapture capture = new VolumeCapture(image, before, SharedMappings.inodes(job.cgroup().processes()));
        for (String volume : JobFolder.volumeNames()) {
            capture.capture(volume, job.folder().volume(volume));
        }
        phases.record("folders", System.nanoTime() - start, capture.bytes());
        return null;
    }

    private Optional<String> previousId() {
        return order.getPreviousImage().isEmpty() ? Optional.empty() : Optional.of(order.getPreviousImage());
    }

    /** Unchanged files are only known by inode and times on the node that saw them; elsewhere all is read. */
    private @Nullable Manifest previous(ImageWriter image) {
        Manifest manifest = image.previous().orElse(null);
        if (manifest == null) {
            previousId().ifPresent(id -> LOG.warn("image {} can't be read and does not save work", id));
            return null;
        }
        Image facts = manifest.getImage();
        // The chunks may be another job's, files are not.
        boolean sameLife = facts.getJob().equals(job.id()) && facts.getNode().equals(job.context().node()) && facts.getIncarnation() == command.getIncarnation();
        return sameLife ? manifest : null;
    }

    private void requireAlive(JobProcess process) throws IOException {
        if (!process.isAlive()) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.id() + " ended by itself before it was saved");
        }
    }

    private Duration left() {
        return Duration.ofNanos(Math.max(1, end - System.nanoTime()));
    }
}
