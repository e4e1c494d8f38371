package dev.ferry.coordinator.operations;

import static dev.ferry.coordinator.operations.StepName.CATCH_UP;
import static dev.ferry.coordinator.operations.StepName.CHECK;
import static dev.ferry.coordinator.operations.StepName.CLAIM;
import static dev.ferry.coordinator.operations.StepName.COMMIT;
import static dev.ferry.coordinator.operations.StepName.DUMP;
import static dev.ferry.coordinator.operations.StepName.FALL_BACK;
import static dev.ferry.coordinator.operations.StepName.FILL;
import static dev.ferry.coordinator.operations.StepName.KILL;
import static dev.ferry.coordinator.operations.StepName.PARK;
import static dev.ferry.coordinator.operations.StepName.PLACE;
import static dev.ferry.coordinator.operations.StepName.PREFETCH;
import static dev.ferry.coordinator.operations.StepName.PRE_COPY;
import static dev.ferry.coordinator.operations.StepName.RESERVE;
import static dev.ferry.coordinator.operations.StepName.RESTORE;
import static dev.ferry.coordinator.operations.StepName.START;
import static dev.ferry.coordinator.operations.StepName.THAW;
import static dev.ferry.coordinator.operations.StepName.UNPARK;

import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationOrBuilder;
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

    private static final Plan LIVE = new Plan(OperationKind.MIGRATE);

    static {
        plan(OperationKind.START).first(PLACE).then(PLACE, START).endsAfter(START);
        plan(OperationKind.CHECKPOINT).first(DUMP).then(DUMP, COMMIT).endsAfter(COMMIT);
        plan(OperationKind.SUSPEND).first(DUMP).saves().endsAfter(KILL);
        plan(OperationKind.MIGRATE).reserves(DUMP).saves().restoresAfter(KILL);
        // Whatever becomes of the copy ahead, the migration itself follows: with nothing copied it is the one above.
        LIVE.reserves(PRE_COPY)
                .then(PRE_COPY, PREFETCH)
                .ifFailed(PRE_COPY, DUMP)
                .then(PREFETCH, CATCH_UP)
                .ifFailed(PREFETCH, CATCH_UP)
                .then(CATCH_UP, FILL)
                .ifFailed(CATCH_UP, DUMP)
                .then(FILL, DUMP)
                .ifFailed(FILL, DUMP)
                .saves()
                .restoresAfter(KILL);
        for (OperationKind kind : List.of(OperationKind.RESUME, OperationKind.RESTORE)) {
            plan(kind).reserves(COMMIT).restoresAfter(COMMIT);
        }
        plan(OperationKind.REWIND).reserves(COMMIT).then(COMMIT, KILL).restoresAfter(KILL);
        plan(OperationKind.PARK).first(PARK).endsAfter(PARK);
        plan(OperationKind.UNPARK).first(CLAIM).then(CLAIM, UNPARK).endsAfter(UNPARK);
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

    /** Begins with a place on a node that has what the job needs; another is looked for as long as one lacks something. */
    private Plan reserves(StepName next) {
        return first(RESERVE).then(RESERVE, CHECK).then(CHECK, next).ifFailed(CHECK, RESERVE);
    }

    /** The job is frozen and saved, and killed once its image is committed; it goes on where it is if either fails. */
    private Plan saves() {
        return then(DUMP, COMMIT).ifFailed(DUMP, THAW).then(COMMIT, KILL).ifFailed(COMMIT, THAW).failsAfter(THAW);
    }

    /** Ends with the restored job, on another node if the first one fails. */
    private Plan restoresAfter(StepName step) {
        return then(step, RESTORE).endsAfter(RESTORE).ifFailed(RESTORE, FALL_BACK).then(FALL_BACK, RESTORE);
    }

    /** The plan of a kind of operation. */
    public static Plan of(OperationKind kind) {
        Plan plan = PLANS.get(kind);
        if (plan == null) {
            throw new IllegalArgumentException("no plan for " + kind);
        }
        return plan;
    }

    /** The plan of an operation. */
    public static Plan of(OperationOrBuilder operation) {
        return operation.getKind() == OperationKind.MIGRATE && operation.getLive() ? LIVE : of(operation.getKind());
    }

    /** The plan of a migration whose memory is copied ahead. */
    public static Plan live() {
        return LIVE;
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
