package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.CriuAftermath;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.DumpEstimate;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does what is ordered for one job, one order after the other. An order is in the
 * journal before its first act and its result before it is said; an order that comes twice is answered
 * by its recorded result.
 */
final class JobAgent {
    private static final Logger LOG = LoggerFactory.getLogger(JobAgent.class);
    /** After what can't be written down, or can't be ended, it is tried again; the disk may be full, or a process stuck in the kernel, for as long as it likes. */
    private static final Duration AGAIN = Duration.ofSeconds(5);
    private static final Duration FIRST_SETTLING = Duration.ofSeconds(1);
    private static final Duration LAST_SETTLING = Duration.ofSeconds(32);
    private static final int MOST_RESULTS = 64;
    private static final int MOST_CLEARINGS = 5;
    private static final long LEASE_LOOK_NANOS = 20_000_000;

    private final LocalJob job;
    private final WorkQueue work;
    private final DeathWatch watch;
    /** Orders that are queued, each with the newest stream on which it came. */
    private final Map<String, Long> waiting = new HashMap<>();
    private final OrderStreams streams;
    private final Predicate<JobAgent> leaves;
    private final ReentrantLock clearing = new ReentrantLock();
    /** After how long it is looked next whether the job is as its record says; these two are of the queue's thread. */
    private Duration settling = FIRST_SETTLING;
    private boolean settlingSoon;
    private volatile boolean closed;
    /** Guarded by {@link #waiting}. */
    private boolean left;
    /** Only {@link #work} looks at it: its pieces are done one after the other. */
    private boolean passesLater;

    /**
     * @param leaves is told when nothing of the job is to be left here, and calls {@link #leave} in a way that nobody finds this agent after it; says whether it has left
     */
    JobAgent(LocalJob job, OrderStreams streams, Predicate<JobAgent> leaves) {
        this.job = job;
        this.streams = streams;
        this.leaves = leaves;
        work = new WorkQueue("job " + job.id());
        watch = new DeathWatch(job.id(), process -> work.add(() -> end(process)));
    }

    /** Goes on where an earlier daemon stopped, before orders are taken. */
    void start() {
        JobJournal record = job.record();
        // Of most jobs that a node has ever seen there is only the record, which fences: they cost no thread.
        if (!record.hasOpenCommand() && record.getState() == LocalState.LOCAL_KILLED && record.getDiscarded() && job.isCleared()) {
            return;
        }
        work.add(() -> lively("recovery", () -> Recovery.run(job, result -> conclude(record.getOpenCommand(), result))));
        work.add(this::watch);
        work.add(this::settleLater);
        work.add(this::letPacketsPass);
    }

    /**
     * The coordinator has said which life may run here; another one is stopped at once, whatever this agent works on. It is killed by an
     * order.
     *
     * @param life 0: none
     */
    void stands(long life) {
        JobJournal record = job.record();
        boolean stands = record.getIncarnation() == life;
        boolean here = isLive(record.getState()) || record.getState() == LocalState.LOCAL_CREATING;
        if (!here) {
            return;
        }
        // An older journal may not know of a hold that the group does.
        if (record.getHeld() == stands || job.cgroup().isHeld() == stands) {
            LOG.warn("job {}: life {} {}", job.id(), record.getIncarnation(), stands ? "may run here after all" : "shall not run here: it is held");
            job.change(changed -> changed.setHeld(!stands));
            if (stands) {
                guarded("letting go", () -> job.cgroup().letGo());
                work.add(() -> lively("going on", () -> Recovery.goOn(job)));
                work.add(this::settleLater);
            }
        }
        if (!stands) {
            // Also when the journal has the word already: an earlier daemon may have been killed between the word and the act.
            guarded("holding", () -> Holds.hold(job));
        }
    }

    /**
     * Takes an order; its result goes to the outbox.
     *
     * @return false: the job was forgotten meanwhile, and this agent takes nothing more
     */
    boolean submit(Command command, long stream) {
        Optional<CommandResult> known = recorded(command.getId());
        if (known.isPresent()) {
            job.context().outbox().result(known.get());
            return true;
        }
        synchronized (waiting) {
            if (left) {
                return false;
            }
            boolean open = job.record().hasOpenCommand() && job.record().getOpenCommand().getId().equals(command.getId());
            if (open || waiting.put(command.getId(), stream) != null) {
                return true;
            }
        }
        work.add(() -> execute(command));
        return true;
    }

    JobReport report() {
        return job.report();
    }

    LocalJob job() {
        return job;
    }

    JobJournal record() {
        return job.record();
    }

    /** How long the job would stand still for an image now. */
    DumpEstimate estimate() throws IOException {
        if (!job.isAlive()) {
            throw new FerryException(ErrorCode.WRONG_STATE, "Job " + job.id() + " does not run on node " + job.context().node());
        }
        return job.context().speeds().estimate(JobMemory.of(job.cgroup().processes()), job.context().buffers());
    }

    Path log() {
        return job.folder().log();
    }

    /** Orders that have no acknowledged result. */
    List<String> openCommands() {
        JobJournal record = job.record();
        List<String> open = new ArrayList<>(record.getResultsList().stream().map(CommandResult::getId).toList());
        if (record.hasOpenCommand()) {
            open.add(record.getOpenCommand().getId());
        }
        synchronized (waiting) {
            waiting.keySet().stream().filter(id -> !open.contains(id)).forEach(open::add);
        }
        return open;
    }

    List<CommandResult> unacknowledged() {
        return job.record().getResultsList();
    }

    void acknowledged(String command) {
        if (recorded(command).isPresent()) {
            job.change(record -> removeResult(record, command));
        }
    }

    private static void removeResult(JobJournal.Builder record, String command) {
        List<CommandResult> kept = record.getResultsList().stream().filter(result -> !result.getId().equals(command)).toList();
        record.clearResults().addAllResults(kept);
    }

    private Optional<CommandResult> recorded(String command) {
        return job.record().getResultsList().stream().filter(result -> result.getId().equals(command)).findFirst();
    }

    private void execute(Command command) {
        Optional<CommandResult> known = recorded(command.getId());
        if (known.isPresent()) {
            job.context().outbox().result(known.get());
            return;
        }
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId());
        try (Phases phases = new Phases(command.getId(), job.context().outbox())) {
            try {
                awaitLease(command);
                Fence.check(job, command);
                if (!begin(command)) {
                    return;
                }
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
        conclude(command, result);
        watch();
        letPacketsPass();
        settleLater();
    }

    /** What a late call of the GPU's driver has left, or a lease that ended in the middle, nobody would order to take up: it is tried until the job is as its record says. */
    private void settleLater() {
        if (!Recovery.isUnsettled(job)) {
            settling = FIRST_SETTLING;
        } else if (!settlingSoon) {
            settlingSoon = true;
            work.addLater(settling, this::settle);
        }
    }

    private void settle() {
        settlingSoon = false;
        if (Recovery.isUnsettled(job)) {
            settling = settling.compareTo(LAST_SETTLING) < 0 ? settling.multipliedBy(2) : settling;
            lively("settling", () -> Recovery.goOn(job));
        }
        settleLater();
    }

    /**
     * Writes down what became of an order, and clears what a job that is over has left. Until it is written down nobody hears of it, and the order stays open for whoever asks again: so it
     * is tried again as long as this daemon lives. One that ends waits for the lock: what is cleared is no order, and nobody would ask for it again.
     */
    private void conclude(Command command, CommandResult.Builder result) {
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
                clear(MOST_CLEARINGS);
            }
        } catch (Exception | Error failed) {
            LOG.error("job {}: what became of {} can't be ended or written down; it is tried again in {} s", job.id(), result.getId(), AGAIN.toSeconds(), failed);
            work.addLater(AGAIN, () -> conclude(command, result));
        } finally {
            clearing.unlock();
        }
    }

    private boolean isOver() {
        LocalState state = job.state();
        return state == LocalState.LOCAL_EXITED || state == LocalState.LOCAL_KILLED || state == LocalState.LOCAL_LOST;
    }

    /** A control group can be busy for longer than its removal waits, for one. The next daemon tries too. */
    private void clear(int tries) {
        if (!isOver()) {
            return;
        }
        try {
            EndActions.clear(job);
        } catch (Exception failed) {
            LOG.warn("job {}: what it left could not be cleared", job.id(), failed);
            if (tries > 1) {
                work.add(() -> clear(tries - 1));
            }
        }
    }

    /** What needs the job's threads waits until they may run, or until the order's stream is over: then it is passed over. */
    private void awaitLease(Command command) {
        boolean needsThreads = command.hasStart() || command.hasRestore() || command.hasDump() || command.hasPark() || command.hasUnpark();
        while (needsThreads && job.context().leaseIsOver().getAsBoolean() && !closed && isOfTheNewestStream(command)) {
            LockSupport.parkNanos(LEASE_LOOK_NANOS);
        }
    }

    private boolean isOfTheNewestStream(Command command) {
        long current = streams.current();
        synchronized (waiting) {
            return waiting.getOrDefault(command.getId(), current) >= current;
        }
    }

    /**
     * Begins an order, unless its stream is over: the coordinator may have been told since that nothing of it is here.
     *
     * @return false: it is passed over, and may be ordered again
     */
    private boolean begin(Command command) {
        // The stream's lock comes first: who makes the first word of a stream holds it and then asks for what is waiting.
        return streams.during(
                current -> {
                    synchronized (waiting) {
                        if (waiting.getOrDefault(command.getId(), current) < current) {
                            waiting.remove(command.getId());
                            LOG.info("job {}: {} is passed over: it came on a stream that is over", job.id(), command.getId());
                            return false;
                        }
                    }
                    // The order and what it makes of the job are on disk before its first act.
                    job.change(record -> OrderActs.open(record, command));
                    return true;
                });
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
        guarded(
                "cleaning up after " + command.getId(),
                () -> {
                    if (isLive(job.state()) && !job.isAlive()) {
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
            if (leaves.test(this)) {
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
        job.change(
                record -> {
                    removeResult(record, whole.getId());
                    if (record.getOpenCommand().getId().equals(whole.getId())) {
                        record.clearOpenCommand();
                    }
                    record.addResults(whole);
                    if (record.getResultsCount() > MOST_RESULTS) {
                        record.removeResults(0);
                    }
                });
        synchronized (waiting) {
            waiting.remove(whole.getId());
        }
        if (whole.hasError()) {
            LOG.info("job {}: {} failed: {}", job.id(), whole.getId(), whole.getError().getMessage());
        } else {
            LOG.info("job {}: {} done, now {}", job.id(), whole.getId(), job.state());
        }
        job.context().outbox().result(whole);
        return true;
    }

    /**
     * Removes the job's folder with its record, and takes no orders any more, unless another one is waiting.
     *
     * @return whether it is so
     */
    boolean leave() {
        String forget = job.record().getOpenCommand().getId();
        synchronized (waiting) {
            if (waiting.keySet().stream().anyMatch(id -> !id.equals(forget))) {
                return false;
            }
            left = true;
        }
        try {
            job.erase();
        } catch (IOException | RuntimeException failed) {
            LOG.warn("job {}: its folder could not be removed", job.id(), failed);
            synchronized (waiting) {
                left = false;
            }
            return false;
        }
        stop();
        return true;
    }

    static boolean isLive(LocalState state) {
        return state == LocalState.LOCAL_RUNNING || state == LocalState.LOCAL_FROZEN || state == LocalState.LOCAL_PARKED;
    }

    private void watch() {
        Optional<JobProcess> process = job.process();
        if (process.isPresent() && isLive(job.state())) {
            try {
                watch.watch(process.get());
            } catch (Error noThread) {
                LOG.error("job {} can't be watched; it is tried again in {} s", job.id(), AGAIN.toSeconds(), noThread);
                work.addLater(AGAIN, this::watch);
            }
        }
    }

    /** Tried again until a job that a dump has left cut off from itself, and that goes on, no longer is. */
    private void letPacketsPass() {
        Optional<JobProcess> process = job.process();
        if (process.isEmpty() || !isLive(job.state())) {
            return;
        }
        try {
            CriuAftermath.letPacketsPass(job.folder(), process.get());
        } catch (IOException | RuntimeException failed) {
            LOG.error("job {}: the packets of its connections are still dropped; it is tried again in {} s", job.id(), AGAIN.toSeconds(), failed);
            if (!passesLater) {
                passesLater = true;
                work.addLater(
                        AGAIN,
                        () -> {
                            passesLater = false;
                            letPacketsPass();
                        });
            }
        }
    }

    private void end(JobProcess process) {
        boolean itsLife = job.process().equals(Optional.of(process)) && isLive(job.state());
        if (!itsLife) {
            return;
        }
        try {
            EndActions.ended(job);
        } catch (Exception | Error failed) {
            LOG.error("job {} has ended and can't be written off; it is tried again in {} s", job.id(), AGAIN.toSeconds(), failed);
            work.addLater(AGAIN, () -> end(process));
            return;
        }
        tellTheEnd();
    }

    private void tellTheEnd() {
        LOG.info("job {} ended: {}", job.id(), job.state());
        job.context().outbox().report(job.report());
        clear(MOST_CLEARINGS);
    }

    /** As {@link #guarded}, for what may find that a job is over, or have to end it. */
    private void lively(String what, Act act) {
        boolean before = isOver();
        guarded(what, act);
        // Of a kill the result tells.
        if (!before && isOver() && job.state() != LocalState.LOCAL_KILLED) {
            tellTheEnd();
        }
    }

    /** An act that may fail. */
    interface Act {
        void run() throws Exception;
    }

    private void guarded(String what, Act act) {
        try {
            act.run();
        } catch (Exception | Error failed) {
            LOG.error("job {}: {} failed", job.id(), what, failed);
        }
    }

    /** Begins nothing more. */
    void stop() {
        closed = true;
        work.stop();
        watch.close();
    }

    /** Leaves the order that is being worked on to the journal; what is being cleared is waited for. */
    void close(Duration atMost) {
        stop();
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
