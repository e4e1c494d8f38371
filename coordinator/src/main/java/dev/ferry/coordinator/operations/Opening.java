package dev.ferry.coordinator.operations;

import dev.ferry.common.Ids;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;

/** Writes a new operation on a job that has none. It is driven after the transaction, by {@link OperationEngine#drive}, or, after a crash in between, by whoever starts next. */
public final class Opening {
    private Opening() {}

    public static Operation open(Transaction state, Job job, OperationKind kind, Operation.Builder operation) {
        Operation written =
                state.put(
                        operation
                                .setId(Ids.newOperation())
                                .setKind(kind)
                                .setState(OperationState.OPEN)
                                .setJob(job.getId())
                                .setIncarnation(job.getIncarnation())
                                .addAllSourceGpus(job.getGpusList())
                                .setStartedAt(state.now())
                                .build());
        Job ignored = state.put(job.toBuilder().setOperation(written.getId()).build());
        return written;
    }
}
