package dev.ferry.node.hooks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import dev.ferry.node.NodeConfig;
import java.util.List;
import org.junit.jupiter.api.Test;

class HookConfigTest {
    private static NodeConfig read(String hooks) {
        return Configs.parse("hooks: " + hooks, "node.yaml", NodeConfig.defaults());
    }

    @Test
    void whatIsLeftOutIsTheDefault() {
        assertThat(read("[]").hooks()).isEmpty();
        assertThat(read("[{event: before-dump, exec: [/bin/hook, now]}]").hooks()).containsExactly(new HookConfig("before-dump", List.of("/bin/hook", "now"), "", "10s", "ignore"));
    }

    @Test
    void everyKeyIsRead() {
        assertThat(read("[{event: before-restore, url: 'https://hooks.example.org/ferry', timeout: 2s, onFailure: refuse}]").hooks())
                .containsExactly(new HookConfig("before-restore", List.of(), "https://hooks.example.org/ferry", "2s", "refuse"));
    }

    @Test
    void eachProblemIsNamedWithItsPlace() {
        assertThatThrownBy(() -> read("[{event: before-dump, exec: [/bin/hook]}, {event: sometimes, exec: [hook], url: 'ftp://x', timeout: 0s, onFailure: maybe}]"))
                .isInstanceOf(FerryException.class)
                .hasMessageContaining("hooks[1].event: 'sometimes' must be one of before-dump, before-freeze, after-freeze")
                .hasMessageContaining("hooks[1].exec, url: one of them")
                .hasMessageContaining("hooks[1].exec: 'hook' must be an absolute path")
                .hasMessageContaining("hooks[1].url: 'ftp://x'")
                .hasMessageContaining("hooks[1].timeout: must not be zero")
                .hasMessageContaining("hooks[1].onFailure: 'maybe'");
        assertThatThrownBy(() -> read("[{event: before-dump, command: /bin/hook}]")).isInstanceOf(FerryException.class).hasMessageContaining("command");
    }

    @Test
    void whatComesTooLateCanRefuseNothing() {
        for (String event : List.of("after-freeze", "after-dump", "after-restore", "before-evacuation", "after-evacuation")) {
            assertThatThrownBy(() -> read("[{event: " + event + ", exec: [/bin/hook], onFailure: refuse}]")).hasMessageContaining(event + " can refuse nothing");
        }
    }
}
