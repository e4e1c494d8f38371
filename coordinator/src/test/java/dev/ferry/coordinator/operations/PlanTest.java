package dev.ferry.coordinator.operations;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.OperationKind;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What must hold in every state machine, whatever its steps are. */
class PlanTest {
    static Stream<Plan> plans() {
        return Stream.of(OperationKind.values()).filter(kind -> kind != OperationKind.UNRECOGNIZED && kind != OperationKind.OPERATION_KIND_UNSPECIFIED).map(Plan::of);
    }

    @ParameterizedTest
    @MethodSource("plans")
    void everyStepLeadsOn(Plan plan) {
        for (StepName step : plan.steps()) {
            assertThat(plan.after(step, true)).as("%s: %s done", plan.kind(), step).isNotNull();
            assertThat(plan.after(step, false)).as("%s: %s failed", plan.kind(), step).isNotNull();
        }
        assertThat(plan.steps().stream().anyMatch(step -> plan.after(step, true) instanceof Plan.Next.Done)).as("%s can succeed", plan.kind()).isTrue();
    }

    /** The promise of all: nothing is killed whose image is not committed. */
    @ParameterizedTest
    @MethodSource("plans")
    void aJobThatIsToLiveIsKilledOnlyAfterTheCommit(Plan plan) {
        if (plan.kind() == OperationKind.CANCEL) {
            return;
        }
        for (StepName step : plan.steps()) {
            for (boolean succeeded : List.of(true, false)) {
                if (plan.after(step, succeeded) instanceof Plan.Next.Go go && go.step() == StepName.KILL) {
                    assertThat(step).isEqualTo(StepName.COMMIT);
                    assertThat(succeeded).isTrue();
                }
            }
        }
    }

    /** A job that a dump froze is thawed or killed, whatever happens. */
    @ParameterizedTest
    @MethodSource("plans")
    void afterAFrozenDumpComesThawOrKill(Plan plan) {
        if (!plan.steps().contains(StepName.DUMP) || plan.kind() == OperationKind.CHECKPOINT) {
            return;
        }
        assertThat(plan.after(StepName.DUMP, false)).isEqualTo(new Plan.Next.Go(StepName.THAW));
        assertThat(plan.after(StepName.COMMIT, false)).isEqualTo(new Plan.Next.Go(StepName.THAW));
        assertThat(plan.after(StepName.COMMIT, true)).isEqualTo(new Plan.Next.Go(StepName.KILL));
    }
}
