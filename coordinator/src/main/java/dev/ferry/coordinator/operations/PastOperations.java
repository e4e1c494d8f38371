package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;

/**
 * How many operations of a job are remembered. A job that is saved every minute would have half a million in a year, and each is some kilobytes. So beyond the newest ones only those are kept that are no
 * checkpoints: they are few, and name the nodes on which the job has been, which are told when it is forgotten.
 */
public final class PastOperations {
    /** Of each job, of every kind. */
    public static final int KEPT = 200;

    /** Each new operation makes one old; the rest is for what a Ferry left that kept all, behind some that stay. */
    private static final int LOOKED_AT = 50;

    private PastOperations() {}

    /** Lets old ones go, now that one more has ended. */
    static void prune(Transaction state, Operation ended) {
        for (Operation old : state.operationsBefore(ended.getJob(), KEPT, LOOKED_AT)) {
            // After a jump of the clock the one that has just ended may count as old.
            if (old.getKind() == OperationKind.CHECKPOINT && old.getState() != OperationState.OPEN && !old.getId().equals(ended.getId())) {
                state.deleteOperation(old.getId());
            }
        }
    }
}
