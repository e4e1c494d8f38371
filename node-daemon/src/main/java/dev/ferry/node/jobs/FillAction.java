package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.CriuRestore;
import dev.ferry.node.gpu.GpuAccess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FillMemory;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.storage.ImageReader;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fills memory with what was copied of a job that still runs on another node, so that its restore here makes only what has changed since. Nothing is written down, and no order is open: what comes of it ends
 * with the daemon, and an order that comes again finds it or does it once more. Whatever goes wrong, the job is not touched, and is restored as always.
 */
final class FillAction {
    private static final Logger LOG = LoggerFactory.getLogger(FillAction.class);

    private final LocalJob job;
    private final Command command;
    private final FillMemory order;

    private final BooleanSupplier goesOn;
    private final long end;

    private FillAction(LocalJob job, Command command, BooleanSupplier goesOn) {
        this.job = job;
        this.command = command;
        this.goesOn = goesOn;
        order = command.getFill();
        end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(command.getDeadlineMillis());
    }

    /**
     * On the job's queue.
     *
     * @param goesOn asked all the time: whether nothing more important is to be done
     */
    static void run(LocalJob job, Command command, BooleanSupplier goesOn) {
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId());
        try (Phases phases = new Phases(command.getId(), job.context().outbox())) {
            try {
                new FillAction(job, command, goesOn).run(phases);
            } catch (Exception | Error failed) {
                result.setError(Failures.detail(failed, ErrorCode.RESTORE_FAILED));
            }
            result.addAllPhases(phases.done());
        }
        // Without a report: the job is elsewhere.
        job.context().outbox().result(result.build());
    }

    private void run(Phases phases) throws Exception {
        Optional<FilledMemory> before = job.filled();
        if (before.isPresent() && !order.getGiveBack() && before.get().image().equals(order.getImage())) {
            return;
        }
        if (order.getGiveBack() && before.isPresent() && !before.get().image().equals(order.getImage())) {
            // It is of a later migration.
            return;
        }
        job.giveBackMemory();
        if (order.getGiveBack() || order.getSpec().getGpus() > 0) {
            return;
        }
        if (!job.record().getDiscarded() || !job.isCleared()) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Something of an earlier life of job " + job.id() + " is still on node " + job.context().node());
        }
        if (!mayGoOn()) {
            throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Memory for job " + job.id() + " is not filled now: the node's lease is over, or other orders for the job wait");
        }
        JobSpec spec = order.getSpec();
        job.context().policy().check(spec);
        RootPlan plan = RootPlan.of(spec, job.folder(), job.context().policy().hidden());
        job.context().policy().check(plan);
        try (ImageReader copied = job.context().images().readPreCopied(order.getImage(), job.context().peer(order.hasPeer(), order.getPeer())).orElse(null)) {
            if (copied != null) {
                fill(phases, copied, plan);
            }
        }
    }

    private void fill(Phases phases, ImageReader copied, RootPlan plan) throws Exception {
        DumpHeap.Use heap = DumpHeap.OF_PROCESS.begin();
        try {
            if (heap.tryTake(CopiedPages.bytes(copied))) {
                fill(phases, copied, plan, heap);
            } else {
                LOG.warn("job {}: its memory is not filled before it comes, for this daemon's heap has no room to list it; it is restored as always", job.id());
            }
        } finally {
            if (job.filled().isEmpty()) {
                heap.close();
            }
        }
    }

    private void fill(Phases phases, ImageReader copied, RootPlan plan, DumpHeap.Use heap) throws Exception {
        JobSpec spec = order.getSpec();
        long begin = System.nanoTime();
        String run = RestoreAction.runFolder(command.getIncarnation() + 1);
        Optional<CriuRestore> criu;
        RootPlan root;
        try {
            // Which control group is the job's stands in its record; and whoever finds what was made here after this daemon's end looks there.
            job.change(record -> record.setSpec(spec));
            Files.createDirectories(job.folder().path());
            Limits its = Limits.of(spec);
            its.fitting(its.memoryBytes()).apply(job.cgroup(), job.context().policy().tasks());
            GpuAccess none = GpuAccess.of(job.context().gpu(), List.of());
            root = plan.withDevices(GpuPhase.allow(job, none));
            criu = CriuRestore.startAhead(job.context().criu(), run, spec, job.cgroup(), job.folder(), root, copied, CopiedPages.read(copied), this::mayGoOn);
        } catch (Exception | Error failed) {
            EndActions.undoCreation(job, failed);
            throw failed;
        }
        if (criu.isEmpty() || criu.get().bytesAhead() == 0) {
            criu.ifPresent(one -> Failures.guarded(job, "ending a criu that holds nothing", one::close));
            EndActions.undoCreation(job, new IOException("there was nothing to fill"));
            return;
        }
        FilledMemory filled = new FilledMemory(order.getImage(), spec, run, root, criu.get(), heap);
        job.hold(filled);
        phases.record("fill", System.nanoTime() - begin, criu.get().bytesAhead());
        phases.record(copied.origins());
    }

    /** While the lease is over, criu is frozen with all else here. */
    private boolean mayGoOn() {
        return goesOn.getAsBoolean() && System.nanoTime() < end && !job.context().leaseIsOver().getAsBoolean();
    }
}
