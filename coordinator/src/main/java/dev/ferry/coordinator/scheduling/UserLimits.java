package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;

/** Limits of accounts, users, QoS and partitions where a user brings a job back by himself, past the queue, which looks at them for all others. Operators may go beyond them. */
public final class UserLimits {
    /** What is on its way to a node counts as there. */
    private static final Set<OperationKind> COME = EnumSet.of(OperationKind.START, OperationKind.RESUME, OperationKind.RESTORE, OperationKind.UNPARK);

    private UserLimits() {}

    /**
     * @throws FerryException NO_CAPACITY that names the limit
     */
    public static void require(Transaction state, Job job) {
        if (Caller.current().seesAll()) {
            return;
        }
        LimitCheck limits = new LimitCheck(AccountBook.read(state));
        Set<String> coming = state.openOperations().stream().filter(operation -> COME.contains(operation.getKind())).map(Operation::getJob).collect(Collectors.toSet());
        // When a claim comes true nobody looks at limits any more.
        state.liveJobs().stream().filter(other -> !other.getId().equals(job.getId()) && (holdsRoom(other) || coming.contains(other.getId()) || Queue.claims(other))).forEach(limits::holds);
        limits.admit(job)
                .ifPresent(
                        limit -> {
                            throw new FerryException(ErrorCode.NO_CAPACITY, "Job " + job.getId() + " can't come back now: " + limit);
                        });
    }

    private static boolean holdsRoom(Job job) {
        return JobStates.isOnNode(job.getState()) && !Queue.isParkedForGood(job);
    }
}
