package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.proto.v1.PreemptionRecord;
import dev.ferry.proto.v1.SchedulingDecision;

/** The records of decisions. */
final class DecisionKinds {
    static final RecordKind<SchedulingDecision> DECISION = new RecordKind<>("decision", SchedulingDecision.parser(), SchedulingDecision::getId, decision -> "", SchedulingDecision::getAt);
    /** The same, with input and output. */
    static final RecordKind<SchedulingDecision> WHOLE = new RecordKind<>("decision-whole", SchedulingDecision.parser(), SchedulingDecision::getId, decision -> "", SchedulingDecision::getAt);
    static final RecordKind<PreemptionRecord> PREEMPTION = new RecordKind<>("preemption", PreemptionRecord.parser(), PreemptionRecord::getOperation, PreemptionRecord::getJob, PreemptionRecord::getAt);

    /** A job that was moved so that another fits, for the budget of rebalancing. */
    static final RecordKind<PreemptionRecord> MOVE = new RecordKind<>("rebalance-move", PreemptionRecord.parser(), PreemptionRecord::getOperation, PreemptionRecord::getJob, PreemptionRecord::getAt);

    private DecisionKinds() {}
}
