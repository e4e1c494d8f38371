package dev.ferry.node.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ToolProcessTest {
    private static final Duration SOON = Duration.ofSeconds(10);

    /** Its output stays open for as long as that one lives. */
    @Test
    void whatAToolLeavesBehindIsNotWaitedFor() {
        assertThat(ToolProcess.ask(List.of("sh", "-c", "sleep 30 & echo done; exit 3"), SOON)).isEqualTo(new ToolProcess.Answer(3, "done\n"));
    }

    @Test
    void aToolThatDoesNotEndIsKilled() {
        assertThat(ToolProcess.ask(List.of("sh", "-c", "echo begun; exec sleep 600"), Duration.ofSeconds(1))).isEqualTo(new ToolProcess.Answer(-1, "begun\n"));
    }

    /** A full disk would make a tool look like one that says nothing. */
    @Test
    void whatAToolSaysNeedsNoDisk() {
        assertThat(ToolProcess.ask(List.of("readlink", "/proc/self/fd/1", "/proc/self/fd/2"), SOON).text()).isEqualTo("/memfd:ferry-tool (deleted)\n".repeat(2));
    }

    @Test
    void aToolThatIsNotThereSaysWhy() {
        ToolProcess.Answer answer = ToolProcess.ask(List.of("/nowhere/tool"), SOON);
        assertThat(answer.status()).isEqualTo(-1);
        assertThat(answer.text()).contains("/nowhere/tool");
    }
}
