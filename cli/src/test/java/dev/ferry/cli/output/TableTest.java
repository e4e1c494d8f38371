package dev.ferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobState;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/** What others wrote, on an operator's terminal. */
class TableTest {
    private static final String ORDER = "\u001b]0;root\u0007\u009b2J\r\nend";

    @Test
    void noTextOfOthersGivesATerminalOrders() {
        assertThat(new Table("JOB", "NOTE").row("j-1", ORDER).toString()).isEqualTo("JOB  NOTE\nj-1  ?]0;root??2J??end\n");
        assertThat(Texts.line(4, "note", ORDER)).isEqualTo("note ?]0;root??2J??end\n");
        assertThat(Failure.text(new FerryException(ErrorCode.INTERNAL, "one\n\u001b[2J").detail())).contains("one\n?[2J").doesNotContain("\u001b");
    }

    @Test
    void onlyTheLastCellIsCutToTheTerminal() {
        Table table = new Table("JOB", "NOTE").row("j-aaaaaaaa", "a note that is longer than the terminal").row("j-bbbbbbbb", "short");
        assertThat(table.text(OptionalInt.of(24)).lines()).containsExactly("JOB         NOTE", "j-aaaaaaaa  a note th...", "j-bbbbbbbb  short");
        assertThat(table.text(OptionalInt.of(5)).lines()).containsExactly("JOB         NOTE", "j-aaaaaaaa  a not...", "j-bbbbbbbb  short");
        assertThat(table.toString()).contains("longer than the terminal");
    }

    @Test
    void aCommandIsShownAsAShellTakesIt() {
        assertThat(Texts.command(List.of("sh", "-c", "echo 'a b'; rm x", "", "--n=1"))).isEqualTo("sh -c 'echo '\\''a b'\\''; rm x' '' --n=1");
    }

    @Test
    void statesAreReadAsTheyAreShown() {
        assertThat(Texts.jobState("cancelled")).isEqualTo(JobState.CANCELLED_JOB);
        assertThat(Texts.jobState("RUNNING")).isEqualTo(JobState.RUNNING);
        assertThatThrownBy(() -> Texts.jobState("gone")).hasMessageContaining("'gone' is no state");
    }
}
