package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;

/** Limits of accounts, users, QoS and partitions where a user brings a job back by himself, past the queue, which looks at them for all others. Operators may go beyond them. */
public final class UserLimits {
    private UserLimits() {}

    /**
     * @throws FerryException NO_CAPACITY that names the limit
     */
    public static void require(Transaction state, Job job) {
        if (Caller.current().seesAll()) {
            return;
        }
        LimitCheck limits = new LimitCheck(AccountBook.read(state));
        state.liveJobs().stream().filter(other -> !other.getId().equals(job.getId()) && holdsRoom(other)).forEach(limits::holds);
        limits.admit(job)
                .ifPresent(
                        limit -> {
                            throw new FerryException(ErrorCode.NO_CAPACITY, "Job " + job.getId() + " can't come back now: " + limit);
                        });
    }

    private static boolean holdsRoom(Job job) {
        boolean parkedForGood = job.getState() == JobState.PARKED && Queue.waits(job);
        return JobStates.isOnNode(job.getState()) && !parkedForGood;
    }
}
