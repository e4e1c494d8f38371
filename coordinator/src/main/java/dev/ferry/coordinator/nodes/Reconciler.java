package dev.ferry.coordinator.nodes;

import dev.ferry.common.Ids;
import dev.ferry.coordinator.operations.JobEnds;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.KillJob;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.ThawJob;
import java.time.Duration;
import java.util.Map;
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

    /** What a daemon says at the begin of its stream: all that is there, and so also what is not. */
    void hello(Hello hello) {
        for (JobReport report : hello.getJobsList()) {
            report(hello.getNode(), report);
        }
        Map<String, JobReport> there = hello.getJobsList().stream().collect(Collectors.toMap(JobReport::getJob, report -> report, (one, other) -> other));
        store.transact(
                state -> {
                    state.liveJobs().stream()
                            .filter(job -> job.getNode().equals(hello.getNode()) && job.getOperation().isEmpty() && !there.containsKey(job.getId()))
                            .filter(job -> job.getState() == JobState.RUNNING || job.getState() == JobState.UNREACHABLE)
                            .forEach(job -> state.put(job.toBuilder().setState(JobState.LOST).setReason("node " + hello.getNode() + " no longer knows of it").build()));
                    return true;
                });
    }

    /** What a daemon says of one job. */
    void report(String node, JobReport report) {
        Optional<Command> order = store.transact(state -> reconcile(state, node, report));
        order.ifPresent(
                command -> {
                    LOG.info("node {}: job {} is {} in life {}: {}", node, report.getJob(), report.getState(), report.getIncarnation(), command.getActionCase());
                    desk.tell(node, command);
                });
    }

    private static Optional<Command> reconcile(Transaction state, String node, JobReport report) {
        Optional<Job> known = state.job(report.getJob());
        if (known.isEmpty()) {
            return Optional.of(kill(report));
        }
        Job job = known.get();
        boolean livesHere = job.getNode().equals(node) && job.getIncarnation() == report.getIncarnation();
        boolean movedOn = !livesHere && job.getIncarnation() >= report.getIncarnation();
        if (!livesHere) {
            // An operation that is open kills what it leaves behind by itself.
            return movedOn && job.getOperation().isEmpty() ? Optional.of(kill(report)) : Optional.empty();
        }
        return switch (report.getState()) {
            case LOCAL_EXITED, LOCAL_LOST, LOCAL_KILLED -> {
                Job ignored = JobEnds.apply(state, job, report);
                yield Optional.empty();
            }
            case LOCAL_RUNNING -> running(state, job, report);
            case LOCAL_FROZEN -> frozen(job, report);
            case LOCAL_CREATING, LOCAL_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    private static Optional<Command> running(Transaction state, Job job, JobReport report) {
        return switch (job.getState()) {
            case UNREACHABLE -> {
                Job ignored = state.put(job.toBuilder().setState(JobState.RUNNING).clearReason().build());
                yield Optional.empty();
            }
            // It was given up here while its daemon was away, by an operator's word or with its image as the job.
            case SUSPENDED, LOST, CANCELLED_JOB, FAILED, EXITED -> job.getOperation().isEmpty() ? Optional.of(kill(report)) : Optional.empty();
            case PENDING, STARTING, RUNNING, RESTORING, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    private static Optional<Command> frozen(Job job, JobReport report) {
        if (!job.getOperation().isEmpty()) {
            return Optional.empty();
        }
        return switch (job.getState()) {
            case RUNNING, UNREACHABLE -> Optional.of(command(report).setThaw(ThawJob.getDefaultInstance()).build());
            case SUSPENDED, LOST, CANCELLED_JOB, FAILED, EXITED -> Optional.of(kill(report));
            case PENDING, STARTING, RESTORING, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    private static Command kill(JobReport report) {
        return command(report).setKill(KillJob.newBuilder().setDiscard(true)).build();
    }

    private static Command.Builder command(JobReport report) {
        return Command.newBuilder().setId("req-" + Ids.random(10)).setJob(report.getJob()).setIncarnation(report.getIncarnation()).setDeadlineMillis(KILL.toMillis());
    }
}
