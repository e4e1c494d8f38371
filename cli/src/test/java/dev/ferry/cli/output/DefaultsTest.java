package dev.ferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.node.NodeConfig;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DefaultsTest {
    @TempDir Path folder;

    @Test
    void whatIsPrintedIsReadBackAsTheDefaults() throws Exception {
        Path coordinator = Files.writeString(folder.resolve("coordinator.yaml"), Defaults.coordinator());
        Path node = Files.writeString(folder.resolve("node.yaml"), Defaults.node());
        assertThat(Configs.load(coordinator, CoordinatorConfig.defaults())).isEqualTo(CoordinatorConfig.defaults());
        assertThat(Configs.load(node, NodeConfig.defaults())).isEqualTo(NodeConfig.defaults());
    }

    @Test
    void everyKeyHasItsMeaningAndNoneIsLeftOver() {
        Set<String> keys = new TreeSet<>();
        collect("coordinator", CoordinatorConfig.class, keys);
        collect("node", NodeConfig.class, keys);
        assertThat(Defaults.MEANING.keySet()).isEqualTo(keys);
    }

    private static void collect(String prefix, Class<?> record, Set<String> keys) {
        for (RecordComponent component : record.getRecordComponents()) {
            keys.add(prefix + "." + component.getName());
            if (component.getType().isRecord()) {
                collect(component.getName(), component.getType(), keys);
            }
        }
    }

    @Test
    void unknownKeysAreNamed() throws Exception {
        Path file = Files.writeString(folder.resolve("node.yaml"), "nmae: x\nstore:\n  url: ftp://x\n");
        assertThatThrownBy(() -> Configs.load(file, NodeConfig.defaults())).isInstanceOf(FerryException.class).hasMessageContaining("nmae");
        Path wrong = Files.writeString(folder.resolve("wrong.yaml"), "freezeTimeout: soon\nstore:\n  url: ftp://x\n");
        assertThatThrownBy(() -> Configs.load(wrong, NodeConfig.defaults())).hasMessageContaining("freezeTimeout").hasMessageContaining("store.url");
    }
}
