package dev.ferry.coordinator.scheduling;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.DecisionReplay;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.SchedulingDecision;
import java.util.List;

/** Decisions that began something, with all that they were made from; the newest, for a while. */
final class DecisionLog {
    private static final int MOST_BYTES = 1 << 20;
    private static final int LISTED = 50;
    private static final long HOUR = 3_600_000;

    private DecisionLog() {}

    static void record(Transaction state, String id, PassInput input, PassOutput output, PassWriter written) {
        SchedulingDecision.Builder decision = SchedulingDecision.newBuilder().setId(id).setAt(state.now()).setSummary(written.summary()).addAllOperations(written.operations()).addAllJobs(written.jobs());
        state.put(DecisionKinds.DECISION, decision.build());
        decision.setOutput(output);
        if (input.getSerializedSize() <= MOST_BYTES) {
            decision.setInput(input);
        }
        state.put(DecisionKinds.WHOLE, decision.build());
    }

    /** Forgets what is old or too much. */
    static void prune(Transaction state, SchedulingConfig config) {
        long oldest = state.now() - Durations.parse(config.decisionsAge()).toMillis();
        List<SchedulingDecision> kept = state.records(DecisionKinds.DECISION, RecordQuery.all().newestFirst().atMost(config.decisions() + 1));
        if (kept.size() > config.decisions()) {
            oldest = Math.max(oldest, kept.getLast().getAt() + 1);
        }
        // A budget is for an hour, and a job is left alone for the policy's spacing.
        long moved = state.now() - Math.max(HOUR, config.preemptionPolicy().spacing());
        int ignored = state.deleteBefore(DecisionKinds.DECISION, oldest) + state.deleteBefore(DecisionKinds.WHOLE, oldest) + state.deleteBefore(DecisionKinds.PREEMPTION, moved) + state.deleteBefore(DecisionKinds.MOVE, moved);
    }

    /**
     * The newest first, without input and output.
     *
     * @param job only those that concern it; empty: all
     */
    static List<SchedulingDecision> list(Transaction state, String job, int most) {
        return state.records(DecisionKinds.DECISION, RecordQuery.all().newestFirst()).stream().filter(one -> job.isEmpty() || one.getJobsList().contains(job)).limit(most == 0 ? LISTED : most).toList();
    }

    /**
     * @throws FerryException DECISION_NOT_FOUND
     */
    static SchedulingDecision get(Transaction state, String id) {
        return state.record(DecisionKinds.WHOLE, id).orElseThrow(() -> new FerryException(ErrorCode.DECISION_NOT_FOUND, "There is no decision '" + id + "'"));
    }

    /** Decides again. */
    static DecisionReplay replay(SchedulingDecision decision) {
        if (!decision.hasInput()) {
            throw new FerryException(ErrorCode.DECISION_NOT_FOUND, "The input of decision " + decision.getId() + " was too large to be kept: more than " + MOST_BYTES + " bytes");
        }
        PassOutput again = PassDecider.decide(decision.getInput());
        return DecisionReplay.newBuilder().setSame(again.toByteString().equals(decision.getOutput().toByteString())).setOutput(again).build();
    }
}
