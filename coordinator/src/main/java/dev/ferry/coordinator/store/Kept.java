package dev.ferry.coordinator.store;

import dev.ferry.coordinator.JobStates;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;

/**
 * What a store keeps of its database from one transaction to the next. It is what the database holds for as long as this process leads: no other one's write takes effect, and its own transactions run
 * one after the other. What is kept by one that was deposed is old, as anything may be that it reads; it writes nothing by it.
 *
 * @param live jobs that have not ended
 * @param open operations that have not ended
 */
record Kept(KeptRows<Job> live, KeptRows<Operation> open, KeptRows<Node> nodes) {
    static Kept nothing() {
        return new Kept(
                new KeptRows<>(Job::getId, Job::getSubmittedAt, job -> !JobStates.isEnded(job.getState())),
                new KeptRows<>(Operation::getId, Operation::getStartedAt, operation -> operation.getState() == OperationState.OPEN),
                new KeptRows<>(Node::getName, node -> 0, node -> true));
    }

    /** After a transaction that was undone, or may be. */
    void forget() {
        live.forget();
        open.forget();
        nodes.forget();
    }
}
