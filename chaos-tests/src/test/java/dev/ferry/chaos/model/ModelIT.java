package dev.ferry.chaos.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** All states of the model, within its bounds; and bugs that are planted in it, because a checker that does not find them would find nothing. */
class ModelIT {
    @TempDir Path folder;

    private ModelChecker.Verdict check(String switches) throws Exception {
        return new ModelChecker(folder).check(List.of(switches.split(" ")));
    }

    /** The bounds are those of docs/model.md: either a fault or a second operation. Of the two lines of defence against a deposed leader's answers each must do alone. */
    @ParameterizedTest
    @ValueSource(strings = {"FAULTS=1 OPERATIONS=1", "FAULTS=0 OPERATIONS=2", "FAULTS=1 OPERATIONS=1 NO_TERM", "FAULTS=1 OPERATIONS=1 CONFIRMED_BY_A_READ"})
    void nothingIsFoundInAnyState(String switches) throws Exception {
        ModelChecker.Verdict verdict = check(switches);
        assertThat(verdict.errors()).as(verdict.text()).isZero();
        assertThat(verdict.complete()).as(verdict.text()).isTrue();
        // Fewer would mean that the model stands still somewhere.
        assertThat(verdict.states()).as(verdict.text()).isGreaterThan(100_000);
    }

    /** Two copies run at once. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "LEASE_ON_WALL_CLOCK",
                "SUCCESSOR_DOES_NOT_WAIT CONFIRMED_BY_A_READ",
                "SUCCESSOR_DOES_NOT_WAIT NO_TERM",
                "NO_TERM CONFIRMED_BY_A_READ",
                "OPENED_AFTER_HELLO",
                "PROOF_STAYS",
                "NO_STREAM_NUMBERS",
                "NO_HOLD",
                "WATCHDOG_SLEEPS",
                "DAEMON_FREEZES",
                "COUNTS_FROM_THE_ANSWER",
                "NO_EPOCH_CHECK ONLY_COPIES"
            })
    void aBugThatLetsTwoCopiesRunIsFound(String bug) throws Exception {
        ModelChecker.Verdict verdict = check("FAULTS=1 OPERATIONS=1 " + bug);
        assertThat(verdict.violation()).as(verdict.text()).isEqualTo("assertion violated 0");
    }

    @Test
    void aKillBeforeTheCommitIsFound() throws Exception {
        assertThat(check("FAULTS=0 OPERATIONS=1 KILL_BEFORE_COMMIT").violation()).isEqualTo("assertion violated committed");
    }

    @Test
    void aResultBeforeTheImageIsWholeIsFound() throws Exception {
        assertThat(check("FAULTS=0 OPERATIONS=1 RESULT_BEFORE_WHOLE").violation()).isEqualTo("assertion violated whole");
    }

    @Test
    void aWriteOfADeposedLeaderIsFound() throws Exception {
        assertThat(check("FAULTS=1 OPERATIONS=1 NO_EPOCH_CHECK").violation()).startsWith("assertion violated (leads[");
    }
}
