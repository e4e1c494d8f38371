package dev.ferry.coordinator.nodes;

import dev.ferry.common.Ids;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.operations.JobEnds;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ForgetJob;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.KillJob;
import dev.ferry.proto.v1.Life;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.ThawJob;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.Optional;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings together what a daemon says is on its node and what the store says should be there. The store
 * decides where a job lives; the daemon knows how it is. What an open operation deals with is left to it.
 */
final class Reconciler {
    private static final Logger LOG = LoggerFactory.getLogger(Reconciler.class);
    private static final Duration KILL = Duration.ofMinutes(1);

    private final StateStore store;
    private final CommandDesk desk;

    Reconciler(StateStore store, CommandDesk desk) {
        this.store = store;
        this.desk = desk;
    }

    /** The lives that may run on a node: all others there are over, whatever their processes think. */
    List<Life> standing(String node) {
        return store.transact(
                state ->
                        state.liveJobs().stream()
                                .filter(job -> job.getNode().equals(node) && JobStates.isOnNode(job.getState()))
                                .map(job -> Life.newBuilder().setJob(job.getId()).setIncarnation(job.getIncarnation()).build())
                                .toList());
    }

    /**
     * What a daemon says at the begin of its stream: all that is there, and so also what is not.
     *
     * @param current whether the stream is still the node's newest
     */
    void hello(Hello hello, BooleanSupplier current) {
        apply(hello.getNode(), hello.getJobsList(), Deferral.ASK_AGAIN);
        Map<String, JobReport> there = hello.getJobsList().stream().collect(Collectors.toMap(JobReport::getJob, report -> report, (one, other) -> other));
        store.transact(
                state -> {
                    // Asked in here: what a newer stream begins is written after this.
                    if (!current.getAsBoolean()) {
                        return false;
                    }
                    state.liveJobs().stream()
                            .filter(job -> job.getNode().equals(hello.getNode()) && JobEnds.isUnknown(there.get(job.getId()), job))
                            // Also of one that is just being begun there: the word that it runs may be on its way and older than this one.
                            .filter(job -> isFree(job, hello.getNode(), Deferral.ASK_AGAIN))
                            .filter(Reconciler::isSettled)
                            .forEach(job -> JobEnds.lost(state, job, "node " + hello.getNode() + " no longer knows of it"));
                    return true;
                });
    }

    private static boolean isSettled(Job job) {
        return job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED || job.getState() == JobState.UNREACHABLE;
    }

    /** What a daemon says of one job. */
    void report(String node, JobReport report) {
        apply(node, List.of(report), Deferral.ASK_AGAIN);
        askIfNothingIsLeft(node, report);
    }

    /** What a daemon says of one job with the result of an order: if the order is of the job's open operation, that deals with it. */
    void result(String node, JobReport report) {
        apply(node, List.of(report), Deferral.NONE);
        askIfNothingIsLeft(node, report);
    }

    /** The receipt of an earlier life's kill says nothing of orders for a later one that are on their way. What is said in a Hello does: no order from before it is done after it. */
    private void askIfNothingIsLeft(String node, JobReport report) {
        boolean awaited =
                report.getState() == LocalState.LOCAL_KILLED
                        && store.transact(state -> state.job(report.getJob())).filter(job -> job.getNode().equals(node) && job.getOperation().isEmpty() && isSettled(job) && JobEnds.isUnknown(report, job)).isPresent();
        if (awaited) {
            desk.askAgain(node);
        }
    }

    private enum Deferral {
        /** What is left to an open operation is asked again when that has ended. */
        ASK_AGAIN,
        NONE
    }

    /** In one transaction: after a failover all nodes say Hello at once. */
    private void apply(String node, List<JobReport> reports, Deferral deferral) {
        List<Order> orders = store.transact(state -> reports.stream().flatMap(report -> orders(state, node, report, deferral).stream().map(command -> new Order(report, command))).toList());
        for (Order order : orders) {
            JobReport report = order.report();
            LOG.info("node {}: job {} is {} in life {}: {}", node, report.getJob(), report.getState(), report.getIncarnation(), order.command().getActionCase());
            desk.tell(node, order.command());
        }
    }

    private record Order(JobReport report, Command command) {}

    private List<Command> orders(Transaction state, String node, JobReport report, Deferral deferral) {
        Optional<Job> known = state.job(report.getJob());
        if (known.isPresent()) {
            return reconcile(state, node, known.get(), report, deferral).stream().toList();
        }
        // It was forgotten here while its node was away: first nothing of it lives, then nothing of it is left.
        return isLeft(report) ? List.of(kill(report), command(report).setForget(ForgetJob.getDefaultInstance()).build()) : List.of();
    }

    /** Whether no operation deals with a job. One that does may end without it: the node is asked again then. */
    private boolean isFree(Job job, String node, Deferral deferral) {
        if (job.getOperation().isEmpty()) {
            return true;
        }
        if (deferral == Deferral.ASK_AGAIN) {
            desk.deferred().add(job.getId(), node);
        }
        return false;
    }

    private Optional<Command> reconcile(Transaction state, String node, Job job, JobReport report, Deferral deferral) {
        boolean livesHere = job.getNode().equals(node) && job.getIncarnation() == report.getIncarnation();
        boolean movedOn = !livesHere && job.getIncarnation() >= report.getIncarnation();
        if (!livesHere) {
            // An operation that is open kills what it leaves behind by itself.
            return movedOn && isLeft(report) && isFree(job, node, deferral) ? Optional.of(kill(report)) : Optional.empty();
        }
        return switch (report.getState()) {
            case LOCAL_EXITED, LOCAL_LOST, LOCAL_KILLED -> {
                Job ignored = JobEnds.apply(state, job, report);
                yield Optional.empty();
            }
            case LOCAL_RUNNING -> running(state, node, job, report, deferral);
            case LOCAL_FROZEN -> frozen(node, job, report, deferral);
            case LOCAL_PARKED -> parked(state, node, job, report, deferral);
            case LOCAL_CREATING, LOCAL_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    /** Whether there is something to kill. The receipt of a kill is a report too: it must not be answered by the next one. */
    private static boolean isLeft(JobReport report) {
        return report.getState() != LocalState.LOCAL_KILLED;
    }

    private Optional<Command> running(Transaction state, String node, Job job, JobReport report, Deferral deferral) {
        return switch (job.getState()) {
            case UNREACHABLE -> {
                Job ignored = state.put(job.toBuilder().setState(JobState.RUNNING).clearReason().build());
                yield Optional.empty();
            }
            // It was brought back after the step's deadline: it has its GPUs, which nobody else may be given.
            case PARKED -> {
                if (isFree(job, node, deferral)) {
                    Job ignored = state.put(job.toBuilder().setState(JobState.RUNNING).clearReason().build());
                }
                yield Optional.empty();
            }
            // It was given up here while its daemon was away, by an operator's word or with its image as the job.
            case SUSPENDED, LOST, CANCELLED_JOB, FAILED, EXITED -> isFree(job, node, deferral) ? Optional.of(kill(report)) : Optional.empty();
            case PENDING, STARTING, RUNNING, RESTORING, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    private Optional<Command> frozen(String node, Job job, JobReport report, Deferral deferral) {
        if (!isFree(job, node, deferral)) {
            return Optional.empty();
        }
        return switch (job.getState()) {
            case RUNNING, PARKED, UNREACHABLE -> Optional.of(command(report).setThaw(ThawJob.getDefaultInstance()).build());
            case SUSPENDED, LOST, CANCELLED_JOB, FAILED, EXITED -> Optional.of(kill(report));
            case PENDING, STARTING, RESTORING, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    private Optional<Command> parked(Transaction state, String node, Job job, JobReport report, Deferral deferral) {
        if (!isFree(job, node, deferral)) {
            return Optional.empty();
        }
        return switch (job.getState()) {
            case RUNNING, UNREACHABLE -> {
                Job ignored = state.put(job.toBuilder().setState(JobState.PARKED).clearReason().build());
                yield Optional.empty();
            }
            case SUSPENDED, LOST, CANCELLED_JOB, FAILED, EXITED -> Optional.of(kill(report));
            case PENDING, STARTING, PARKED, RESTORING, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    private static Command kill(JobReport report) {
        return command(report).setKill(KillJob.newBuilder().setDiscard(true)).build();
    }

    private static Command.Builder command(JobReport report) {
        return Command.newBuilder().setId("req-" + Ids.random(10)).setJob(report.getJob()).setIncarnation(report.getIncarnation()).setDeadlineMillis(KILL.toMillis());
    }
}
