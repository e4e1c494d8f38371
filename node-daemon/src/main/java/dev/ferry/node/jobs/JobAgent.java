package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
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
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One job of this node as its registry and the link see it. Takes orders and has them done one after the other, each on the job's queue; an order that comes twice is answered by its recorded
 * result. What is asked or said of the job beside that ({@link #stands}, {@link #report}, {@link #estimate}) does not wait for the queue.
 *
 * <p>Called by the registry for whoever starts and ends the daemon, has the link, or asks (for an estimate, a log, what GPUs do); {@link #leave} by the queue itself. Only the queue works on
 * the job, but for {@link #stands}, which stops a life at once on the link's thread.
 */
final class JobAgent {
    private static final Logger LOG = LoggerFactory.getLogger(JobAgent.class);

    private final LocalJob job;
    private final WorkQueue work;
    private final WaitingOrders waiting;
    private final OrderResults results;
    private final LifeEnd life;
    private final Settling settling;
    private final DroppedPackets packets;
    private final OrderRunner orders;
    /** Orders to fill memory that wait or are being done. */
    private final Set<String> filling = ConcurrentHashMap.newKeySet();

    /**
     * @param leaves is told when nothing of the job is to be left here, and calls {@link #leave} in a way that nobody finds this agent after it; says whether it has left
     */
    JobAgent(LocalJob job, OrderStreams streams, Predicate<JobAgent> leaves) {
        this.job = job;
        work = new WorkQueue("job " + job.id());
        waiting = new WaitingOrders(job, streams);
        results = new OrderResults(job);
        life = new LifeEnd(job, work);
        settling = new Settling(job, work, life);
        packets = new DroppedPackets(job, work);
        orders = new OrderRunner(job, work, waiting, results, life, () -> leaves.test(this), this::lookAfter);
    }

    /** Goes on where an earlier daemon stopped, before orders are taken: the registry calls it before anyone else finds this. */
    void start() {
        JobJournal record = job.record();
        // Of most jobs that a node has ever seen there is only the record, which fences: they cost no thread.
        if (!record.hasOpenCommand() && record.getState() == LocalState.LOCAL_KILLED && record.getDiscarded() && job.isCleared()) {
            return;
        }
        work.add(() -> life.lively("recovery", () -> Recovery.run(job, result -> orders.conclude(record.getOpenCommand(), result))));
        work.add(life::watch);
        work.add(settling::settleLater);
        work.add(packets::letPass);
    }

    /** On the queue, after each order: what it may have left. */
    private void lookAfter() {
        life.watch();
        packets.letPass();
        settling.settleLater();
    }

    /**
     * The coordinator has said which life may run here; another one is stopped at once, whatever this agent works on. It is killed by an
     * order.
     *
     * @param standing 0: none
     */
    void stands(long standing) {
        JobJournal record = job.record();
        boolean stands = record.getIncarnation() == standing;
        boolean here = LocalJob.isLive(record.getState()) || record.getState() == LocalState.LOCAL_CREATING;
        if (!here) {
            return;
        }
        // An older journal may not know of a hold that the group does.
        if (record.getHeld() == stands || job.cgroup().isHeld() == stands) {
            LOG.warn("job {}: life {} {}", job.id(), record.getIncarnation(), stands ? "may run here after all" : "shall not run here: it is held");
            Failures.guarded(job, "writing down what may run", () -> job.setHeld(!stands));
            if (stands) {
                Failures.guarded(job, "letting go", () -> job.cgroup().letGo());
                work.add(() -> life.lively("going on", () -> Recovery.goOn(job)));
                work.add(settling::settleLater);
            }
        }
        if (!stands) {
            // Also when the journal has the word already: an earlier daemon may have been killed between the word and the act.
            Failures.guarded(job, "holding", () -> Holds.hold(job));
        }
    }

    /**
     * Takes an order; its result goes to the outbox.
     *
     * @return false: the job was forgotten meanwhile, and this agent takes nothing more
     */
    boolean submit(Command command, long stream) {
        return switch (waiting.take(command, stream)) {
            case LEFT -> false;
            case KNOWN -> true;
            case NEW -> {
                // Only now: a result is there before its order ceases to wait, so that none that ends meanwhile is done twice.
                Optional<CommandResult> known = results.of(command.getId());
                if (known.isPresent()) {
                    waiting.done(command.getId());
                    job.context().outbox().result(known.get());
                } else {
                    long came = System.nanoTime();
                    work.add(() -> orders.execute(command, came));
                }
                yield true;
            }
        };
    }

    /**
     * Fills memory for a life that is to come, or gives it back. The answer is no word on the job.
     *
     * @return false: this agent takes nothing more
     */
    boolean fill(Command command) {
        if (!filling.add(command.getId())) {
            // It was sent again, and is answered when it is done.
            return true;
        }
        return work.add(
                () -> {
                    // Whatever else is to be done for the job goes before.
                    FillAction.run(job, command, () -> !work.isWaitedFor());
                    filling.remove(command.getId());
                    String image = command.getFill().getImage();
                    if (job.filled().isPresent()) {
                        work.addLater(Duration.ofMillis(command.getFill().getHoldMillis()), () -> holds(image), () -> giveBack(image));
                    } else {
                        life.clear();
                    }
                });
    }

    /** Nobody came for it in time. */
    private void giveBack(String image) {
        if (holds(image)) {
            job.giveBackMemory();
            life.clear();
        }
    }

    private boolean holds(String image) {
        return job.filled().filter(held -> held.image().equals(image)).isPresent();
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
        waiting.addTo(open);
        return open;
    }

    List<CommandResult> unacknowledged() {
        return results.unacknowledged();
    }

    void acknowledged(String command) {
        // The link lives on, and other jobs' agents are told.
        Failures.guarded(job, "writing down that the result of " + command + " was acknowledged", () -> results.acknowledged(command));
    }

    /**
     * Removes the job's folder with its record, and takes no orders any more, unless another one is waiting. Called on the queue, by the order that forgets the job.
     *
     * @return whether it is so
     */
    boolean leave() {
        if (!waiting.leave(job.record().getOpenCommand().getId())) {
            return false;
        }
        try {
            job.erase();
        } catch (IOException | RuntimeException failed) {
            LOG.warn("job {}: its folder could not be removed", job.id(), failed);
            waiting.stay();
            return false;
        }
        stop();
        return true;
    }

    /** Begins nothing more. */
    void stop() {
        orders.stop();
        work.stop();
        life.stop();
    }

    /** Leaves the order that is being worked on to the journal; what is being cleared is waited for. */
    void close(Duration atMost) {
        stop();
        orders.close(atMost);
        job.closeFilled();
    }
}
