package dev.ferry.coordinator.scheduling;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.accounts.Metering;
import dev.ferry.coordinator.operations.Opening;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What becomes of jobs that have run for as long as they asked for: they are suspended, so that they give up their room and lose nothing,
 * and go on only with a higher limit. Running time counts through all lives of a job, as it is billed: not while it waits or is moved.
 */
public final class TimeLimits {
    private static final long MILLIS = 1000;
    /** After a suspension that failed the job runs on; for so long it is left alone. */
    private static final long AGAIN_MILLIS = 60_000;
    private static final long LONGEST_WAIT_MILLIS = 3_600_000;
    /** Ten years: a limit that no job comes to, and no arithmetic stumbles over. */
    private static final long MOST_SECONDS = 10L * 366 * 24 * 3600;

    private TimeLimits() {}

    /**
     * What was begun, and when to look again.
     *
     * @param operations suspensions that are to be driven
     * @param next milliseconds until the next job comes to its limit; 0: none does
     */
    record Over(List<String> operations, long next) {}

    /** Suspends jobs that have come to their limit. */
    static Over end(Transaction state) {
        List<Job> limited = state.liveJobs().stream().filter(job -> job.getState() == JobState.RUNNING && job.getSpec().getTimeLimitSeconds() > 0).toList();
        List<String> begun = new ArrayList<>();
        long next = 0;
        if (!limited.isEmpty()) {
            Map<String, JobUse> uses = Metering.open(state);
            for (Job job : limited) {
                long left = left(state, job, uses.getOrDefault(job.getId(), JobUse.getDefaultInstance()));
                if (left <= 0 && job.getOperation().isEmpty()) {
                    begun.add(suspend(state, job));
                } else {
                    // One that is being worked on is looked at again when that has ended, which is a change.
                    long wait = Math.clamp(left, MILLIS, LONGEST_WAIT_MILLIS);
                    next = next == 0 ? wait : Math.min(next, wait);
                }
            }
        }
        return new Over(begun, next);
    }

    /**
     * Takes those out of the queue that would come back only to be suspended. A parked one is stored first, for it holds memory of its node; until that is
     * done it stays in the queue and is tried again.
     *
     * @return suspensions that are to be driven
     */
    static List<String> leaveTheQueue(Transaction state) {
        List<Job> waiting = state.liveJobs().stream().filter(job -> job.getSpec().getTimeLimitSeconds() > 0 && job.getState() != JobState.PENDING && Queue.waits(job)).toList();
        List<String> begun = new ArrayList<>();
        for (Job job : waiting) {
            if (!isUsedUp(state, job)) {
                continue;
            }
            if (job.getState() != JobState.PARKED) {
                state.put(Queue.out(job).toBuilder().setReason(reached(job)).build());
            } else if (state.now() >= job.getQueue().getNotBefore()) {
                begun.add(store(state, job));
            }
        }
        return begun;
    }

    private static String store(Transaction state, Job job) {
        Job paused = job.toBuilder().setQueue(job.getQueue().toBuilder().setNotBefore(state.now() + AGAIN_MILLIS)).build();
        return Opening.open(state, paused, OperationKind.SUSPEND, Operation.newBuilder().setCause(reached(job)).setSourceNode(job.getNode())).getId();
    }

    private static String reached(Job job) {
        return "its time limit of " + text(job) + " is reached";
    }

    /** Whether a job has run for all of its time. */
    public static boolean isUsedUp(Transaction state, Job job) {
        long limit = job.getSpec().getTimeLimitSeconds();
        return limit > 0 && ran(Metering.use(state, job.getId()), state.now()) >= limit * MILLIS;
    }

    private static String suspend(Transaction state, Job job) {
        String why = reached(job);
        // Also one that was on its way back from a preemption has had its time.
        return Opening.open(state, Queue.out(job), OperationKind.SUSPEND, Operation.newBuilder().setCause(why).setSourceNode(job.getNode())).getId();
    }

    private static long left(Transaction state, Job job, JobUse use) {
        long left = job.getSpec().getTimeLimitSeconds() * MILLIS - ran(use, state.now());
        if (left > 0) {
            return left;
        }
        List<Operation> last = state.operations(job.getId(), 1);
        boolean failed = !last.isEmpty() && last.getFirst().getKind() == OperationKind.SUSPEND && last.getFirst().getState() == OperationState.FAILED_OPERATION;
        return failed ? last.getFirst().getEndedAt() + AGAIN_MILLIS - state.now() : left;
    }

    private static long ran(JobUse use, long now) {
        return use.getRunningSeconds() * MILLIS + use.getCarriedMillis() + (use.getCountedUntil() == 0 ? 0 : Math.max(0, now - use.getCountedUntil()));
    }

    private static String text(Job job) {
        return Durations.format(Duration.ofSeconds(job.getSpec().getTimeLimitSeconds()));
    }

    /**
     * Asked before a job is brought back.
     *
     * @throws FerryException WRONG_STATE when it has used up its time
     */
    public static void requireTime(Transaction state, Job job) {
        if (isUsedUp(state, job)) {
            throw new FerryException(
                    ErrorCode.WRONG_STATE, "Job " + job.getId() + " has run for its time limit of " + text(job) + "; an operator gives it more by `ferry job time-limit " + job.getId() + " TIME`");
        }
    }

    /** Whether a job may have this limit; 0: none. */
    public static boolean isLimit(long seconds) {
        return seconds >= 0 && seconds <= MOST_SECONDS;
    }

    /**
     * Changes how long a job may run.
     *
     * @param seconds in all its lives; 0: no limit
     * @throws FerryException INVALID_ARGUMENT
     */
    public static Job set(Transaction state, Job job, long seconds) {
        if (!isLimit(seconds)) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "A time limit is 1 second or more and ten years at most, or none");
        }
        return state.put(job.toBuilder().setSpec(job.getSpec().toBuilder().setTimeLimitSeconds(seconds)).build());
    }
}
