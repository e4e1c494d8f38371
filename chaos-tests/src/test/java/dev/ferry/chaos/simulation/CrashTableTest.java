package dev.ferry.chaos.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.coordinator.operations.Continuation;
import dev.ferry.coordinator.operations.Crash;
import dev.ferry.coordinator.operations.CrashTable;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.OperationKind;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Every cell of the table in docs/operations.md that has a continuation: the crash is made to happen in a world with the product's coordinator,
 * exactly when the step is open; the operation goes on as the cell says, and when all parts are back the job is where its record says, once.
 */
class CrashTableTest {
    @BeforeAll
    static void quiet() {
        Seeds.quiet();
    }

    private static Continuation expected(CrashTable.Cell cell) {
        return CrashTable.continuation(new MemoryTransaction(new MemoryTables(), 1, () -> {}), cell);
    }

    private static List<CrashTable.Cell> possible() {
        return CrashTable.cells().stream().filter(cell -> CrashTable.whyNot(cell).isEmpty()).toList();
    }

    @TestFactory
    Stream<DynamicTest> cells() {
        return possible().stream().map(cell -> DynamicTest.dynamicTest(cell.toString(), () -> goesOnAs(cell, expected(cell))));
    }

    private static void goesOnAs(CrashTable.Cell cell, Continuation expected) {
        CrashWorld world = new CrashWorld(cell);
        try {
            assertThat(world.runCell().path()).isEqualTo(expected.path());
            assertThat(world.job().getState()).as("what the job is when all parts are back").isEqualTo(whenAllIsBack(cell, expected));
        } catch (AssertionError | RuntimeException failed) {
            throw new AssertionError(cell + ": " + failed.getMessage() + "\n" + String.join("\n", world.simulation().trace()), failed);
        }
    }

    /** What is not known at an operation's end is known then; an order that is done after its deadline has been done all the same. */
    private static JobState whenAllIsBack(CrashTable.Cell cell, Continuation expected) {
        OperationKind kind = cell.row().plan().kind();
        if (cell.crash() == Crash.SILENCE && kind == OperationKind.PARK) {
            return JobState.PARKED;
        }
        if (cell.crash() == Crash.SILENCE && kind == OperationKind.UNPARK) {
            return JobState.RUNNING;
        }
        // A first start that its node has never begun: there is no image to bring it back from.
        boolean neverBegun = kind == OperationKind.START && cell.crash() == Crash.NODE_LEASE_OVER;
        JobState known = expected.job() == JobState.UNREACHABLE ? JobState.RUNNING : expected.job();
        return neverBegun ? JobState.LOST : known;
    }

    /** Who can't fail says nothing. */
    @Test
    void aCellThatSaysSomethingElseIsFound() {
        CrashTable.Cell cell = possible().stream().filter(one -> one.toString().equals("MIGRATE/DUMP/DAEMON_MIDDLE")).findFirst().orElseThrow();
        Continuation right = expected(cell);
        Continuation wrong = new Continuation(right.steps(), right.end(), JobState.SUSPENDED);
        assertThatThrownBy(() -> goesOnAs(cell, wrong)).isInstanceOf(AssertionError.class).hasMessageContaining(cell.toString()).hasMessageContaining("SUSPENDED");
    }

    /** No gap without a reason, and no step without a crash that can be tried. */
    @Test
    void everyStepOfEveryMachineHasItsCells() {
        assertThat(CrashTable.cells()).hasSize(CrashTable.rows().size() * Crash.values().length);
        assertThat(CrashTable.rows()).allSatisfy(row -> assertThat(possible()).anyMatch(cell -> cell.row().equals(row)));
    }
}
