package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does the orders for one job: waits for the lease, fences, opens, acts, concludes. An order is in the journal before its first act and its result before it is said; one that was begun has
 * one end, here or by the next daemon. One that can't be written down is not begun.
 *
 * <p>{@link #execute} and {@link #conclude} are called on the job's queue, one piece after the other; {@link #stop} and {@link #close} by whoever ends the daemon, {@link #stop} also by the
 * queue itself when the job is forgotten.
 */
final class OrderRunner {
    private static final Logger LOG = LoggerFactory.getLogger(OrderRunner.class);

    private static final long LEASE_LOOK_NANOS = 20_000_000;

    private final LocalJob job;
    private final WorkQueue work;
    private final WaitingOrders waiting;
    private final OrderResults results;
    private final LifeEnd life;
    private final BooleanSupplier leaves;
    private final Runnable after;
    /** Held by the queue while an order is concluded, and by who ends the daemon while he interrupts the queue: so what is being cleared is not interrupted. */
    private final ReentrantLock clearing = new ReentrantLock();
    private volatile boolean closed;

    /**
     * @param leaves removes all of the job, and nobody finds its agent after it; says whether it is so
     * @param after is run on the queue after each order that was begun or refused
     */
    OrderRunner(LocalJob job, WorkQueue work, WaitingOrders waiting, OrderResults results, LifeEnd life, BooleanSupplier leaves, Runnable after) {
        this.job = job;
        this.work = work;
        this.waiting = waiting;
        this.results = results;
        this.life = life;
        this.leaves = leaves;
        this.after = after;
    }

    /**
     * Does one order, unless it has a result already or its stream is over.
     *
     * @param came when it was taken, by {@link System#nanoTime}
     */
    void execute(Command command, long came) {
        Optional<CommandResult> known = results.of(command.getId());
        if (known.isPresent()) {
            waiting.done(command.getId());
            job.context().outbox().result(known.get());
            return;
        }
        if (!command.hasRestore()) {
            job.giveBackMemory();
        }
        if (closed && Thread.currentThread().isInterrupted()) {
            return;
        }
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId());
        boolean written = true;
        try (Phases phases = new Phases(command.getId(), job.context().outbox())) {
            try {
                awaitLease(command);
                requireTime(command, came);
                Fence.check(job, command);
                written = false;
                if (!waiting.begin(command)) {
                    return;
                }
                written = true;
                LOG.info("job {}: {} begins", job.id(), command.getId());
                OrderActs.act(job, command, phases, result);
            } catch (Exception | Error failed) {
                if (closed && failed instanceof InterruptedException) {
                    // What became of it is not said here: the order stays open in the journal, and the next daemon finds out.
                    LOG.info("job {}: {} is left to the next daemon", job.id(), command.getId());
                    return;
                }
                LOG.warn("job {}: {} failed", job.id(), command.getId(), failed);
                result.setError(Failures.detail(failed, OrderActs.fallback(command)));
            }
            result.addAllPhases(phases.done());
        }
        // Of a restore that was refused before it took it.
        job.giveBackMemory();
        if (written) {
            conclude(command, result);
        } else if (OrderActs.needsRoom(command)) {
            refuse(command, result);
        } else {
            beginLater(command, came);
        }
        after.run();
    }

    /**
     * Whoever ordered it does not wait any longer, and would have the job stopped for nothing.
     *
     * @throws FerryException DEADLINE_EXCEEDED
     */
    private void requireTime(Command command, long came) {
        if ((command.hasDump() || command.hasPark()) && System.nanoTime() - came > TimeUnit.MILLISECONDS.toNanos(command.getDeadlineMillis())) {
            throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Job " + job.id() + " was not stopped: what was being done for it took until the deadline of this order was over");
        }
    }

    /** What needs the job's threads waits until they may run, or until the order's stream is over: then it is passed over. */
    private void awaitLease(Command command) {
        boolean needsThreads = command.hasStart() || command.hasRestore() || command.hasDump() || command.hasPark() || command.hasUnpark();
        while (needsThreads && job.context().leaseIsOver().getAsBoolean() && !closed && waiting.isOfTheNewestStream(command)) {
            LockSupport.parkNanos(LEASE_LOOK_NANOS);
        }
    }

    /**
     * An order that could not be written down, and that nobody can do without: whoever gave it waits for it, and would give it again at once if it were refused. It is begun as soon as it can be
     * written down, or passed over when its stream is over.
     */
    private void beginLater(Command command, long came) {
        LOG.warn("job {}: {} can't be written down; it is tried again in {} s", job.id(), command.getId(), Failures.AGAIN.toSeconds());
        work.addLater(Failures.AGAIN, () -> execute(command, came));
    }

    /** One that would fail anyway is answered at once, and neither is its answer written down: nothing was done, and it may come again. */
    private void refuse(Command command, CommandResult.Builder result) {
        if (closed) {
            // The writing was interrupted: the next daemon is given the order.
            return;
        }
        waiting.done(command.getId());
        if (job.state() != LocalState.LOCAL_STATE_UNSPECIFIED) {
            result.setJob(job.report());
        } else {
            // It would have been its first life here: its agent has nothing to look after, but if another order waits already.
            boolean ignored = leaves.getAsBoolean();
        }
        job.context().outbox().result(result.build());
    }

    /**
     * Writes down what became of an order, and clears what a job that is over has left. Until it is written down nobody hears of it, and the order stays open for whoever asks again: so it
     * is tried again as long as this daemon lives. One that ends waits for the lock: what is cleared is no order, and nobody would ask for it again.
     */
    void conclude(Command command, CommandResult.Builder result) {
        clearing.lock();
        try {
            if (closed && command.hasKill()) {
                // The order stays open, and the next daemon does both.
                return;
            }
            if (result.hasError()) {
                afterFailure(command);
            }
            if (finish(result)) {
                life.clear();
            }
        } catch (Exception | Error failed) {
            LOG.error("job {}: what became of {} can't be ended or written down; it is tried again in {} s", job.id(), result.getId(), Failures.AGAIN.toSeconds(), failed);
            work.addLater(Failures.AGAIN, () -> conclude(command, result));
        } finally {
            clearing.unlock();
        }
    }

    /**
     * That a life is killed lets another one begin, so nothing of one that was not made may run by then.
     *
     * @throws FerryException INTERNAL when something of it is left
     */
    private void afterFailure(Command command) throws IOException {
        boolean creates = command.hasStart() || command.hasRestore();
        if (creates && job.state() == LocalState.LOCAL_CREATING && job.record().getIncarnation() == command.getIncarnation()) {
            EndActions.killAll(job);
            job.enter(LocalState.LOCAL_KILLED, record -> record.clearPid().setDiscarded(true));
            return;
        }
        Failures.guarded(
                job,
                "cleaning up after " + command.getId(),
                () -> {
                    if (LocalJob.isLive(job.state()) && !job.isAlive()) {
                        EndActions.ended(job);
                    }
                });
    }

    /**
     * Records a result, then says it.
     *
     * @return false: it was the last, and nothing of the job is here any more
     */
    private boolean finish(CommandResult.Builder result) {
        Command open = job.record().getOpenCommand();
        if (open.hasForget() && open.getId().equals(result.getId()) && !result.hasError()) {
            if (leaves.getAsBoolean()) {
                // Without a report: there is no job any more of which it could be. If it is not heard, the order comes again and is answered as that for a job that was never here.
                LOG.info("job {}: {} done, nothing of it is left here", job.id(), result.getId());
                job.context().outbox().result(result.build());
                return false;
            }
            result.setError(new FerryException(ErrorCode.OPERATION_IN_PROGRESS, "Not all of job " + job.id() + " could be removed yet").detail());
        }
        if (!result.hasError() && (open.hasStart() || open.hasRestore())) {
            GpuFilePlaces.known(job.record()).ifPresent(result::setGpuFiles);
        }
        CommandResult whole = result.setJob(job.report()).build();
        results.add(whole);
        waiting.done(whole.getId());
        if (whole.hasError()) {
            LOG.info("job {}: {} failed: {}", job.id(), whole.getId(), whole.getError().getMessage());
        } else {
            LOG.info("job {}: {} done, now {}", job.id(), whole.getId(), job.state());
        }
        job.context().outbox().result(whole);
        return true;
    }

    /** Says no end any more of an order that is interrupted: it stays open for the next daemon, as does one that kills. */
    void stop() {
        closed = true;
    }

    /** After {@link #stop}: leaves the order that is being worked on to the journal; what is being cleared is waited for. */
    void close(Duration atMost) {
        boolean cleared = false;
        try {
            cleared = clearing.tryLock(atMost.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        work.interrupt();
        if (cleared) {
            clearing.unlock();
        }
    }
}
