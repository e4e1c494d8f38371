package dev.ferry.coordinator.operations;

import static dev.ferry.coordinator.operations.StepName.CHECK;
import static dev.ferry.coordinator.operations.StepName.COMMIT;
import static dev.ferry.coordinator.operations.StepName.DUMP;
import static dev.ferry.coordinator.operations.StepName.FALL_BACK;
import static dev.ferry.coordinator.operations.StepName.KILL;
import static dev.ferry.coordinator.operations.StepName.PLACE;
import static dev.ferry.coordinator.operations.StepName.RESERVE;
import static dev.ferry.coordinator.operations.StepName.RESTORE;
import static dev.ferry.coordinator.operations.StepName.START;
import static dev.ferry.coordinator.operations.StepName.THAW;

import dev.ferry.proto.v1.OperationKind;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The state machine of one kind of operation: what follows each step when it succeeded and when it
 * failed. Everything that drives an operation, and docs/operations.md, is read from these tables.
 */
public final class Plan {
    private static final Map<OperationKind, Plan> PLANS = new EnumMap<>(OperationKind.class);

    static {
        plan(OperationKind.START).first(PLACE).then(PLACE, START).endsAfter(START);
        plan(OperationKind.CHECKPOINT).first(DUMP).then(DUMP, COMMIT).endsAfter(COMMIT);
        plan(OperationKind.SUSPEND).first(DUMP).then(DUMP, COMMIT).ifFailed(DUMP, THAW).then(COMMIT, KILL).ifFailed(COMMIT, THAW).endsAfter(KILL).failsAfter(THAW);
        plan(OperationKind.MIGRATE)
                .first(RESERVE)
                .then(RESERVE, CHECK)
                .then(CHECK, DUMP)
                .ifFailed(CHECK, RESERVE)
                .then(DUMP, COMMIT)
                .ifFailed(DUMP, THAW)
                .then(COMMIT, KILL)
                .ifFailed(COMMIT, THAW)
                .failsAfter(THAW)
                .then(KILL, RESTORE)
                .endsAfter(RESTORE)
                .ifFailed(RESTORE, FALL_BACK)
                .then(FALL_BACK, RESTORE);
        for (OperationKind kind : List.of(OperationKind.RESUME, OperationKind.RESTORE)) {
            plan(kind)
                    .first(RESERVE)
                    .then(RESERVE, CHECK)
                    .then(CHECK, COMMIT)
                    .ifFailed(CHECK, RESERVE)
                    .then(COMMIT, RESTORE)
                    .endsAfter(RESTORE)
                    .ifFailed(RESTORE, FALL_BACK)
                    .then(FALL_BACK, RESTORE);
        }
        plan(OperationKind.CANCEL).first(KILL).endsAfter(KILL);
    }

    /** Where an operation goes: to a step, or to its end. */
    public sealed interface Next {
        /** The next step. */
        record Go(StepName step) implements Next {}

        /** What was asked for is done. */
        record Done() implements Next {}

        /** It is not done, and nothing is left in between. */
        record Failed() implements Next {}
    }

    private final OperationKind kind;
    private final Map<StepName, Next> afterSuccess = new EnumMap<>(StepName.class);
    private final Map<StepName, Next> afterFailure = new EnumMap<>(StepName.class);
    private Optional<StepName> first = Optional.empty();

    private Plan(OperationKind kind) {
        this.kind = kind;
    }

    private static Plan plan(OperationKind kind) {
        Plan plan = new Plan(kind);
        PLANS.put(kind, plan);
        return plan;
    }

    private Plan first(StepName step) {
        first = Optional.of(step);
        return this;
    }

    private Plan then(StepName step, StepName next) {
        afterSuccess.put(step, new Next.Go(next));
        return this;
    }

    private Plan ifFailed(StepName step, StepName next) {
        afterFailure.put(step, new Next.Go(next));
        return this;
    }

    private Plan endsAfter(StepName step) {
        afterSuccess.put(step, new Next.Done());
        return this;
    }

    private Plan failsAfter(StepName step) {
        afterSuccess.put(step, new Next.Failed());
        return this;
    }

    /** The plan of a kind of operation. */
    public static Plan of(OperationKind kind) {
        Plan plan = PLANS.get(kind);
        if (plan == null) {
            throw new IllegalArgumentException("no plan for " + kind);
        }
        return plan;
    }

    public OperationKind kind() {
        return kind;
    }

    public StepName first() {
        return first.orElseThrow();
    }

    public Next after(StepName step, boolean succeeded) {
        Next next = (succeeded ? afterSuccess : afterFailure).get(step);
        return next == null ? new Next.Failed() : next;
    }

    /** Every step that can be reached, in the order in which it is first met. */
    public List<StepName> steps() {
        List<StepName> reached = new ArrayList<>(List.of(first()));
        for (int i = 0; i < reached.size(); i++) {
            for (boolean succeeded : new boolean[] {true, false}) {
                if (after(reached.get(i), succeeded) instanceof Next.Go go && !reached.contains(go.step())) {
                    reached.add(go.step());
                }
            }
        }
        return reached;
    }
}
