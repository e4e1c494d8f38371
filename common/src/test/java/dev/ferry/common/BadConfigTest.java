package dev.ferry.common;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.testing.Mutations;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Configuration files that are not what they should be: refused with their name, never anything else. */
class BadConfigTest {
    private static final int SEEDS = 3000;
    private static final String GOOD = "name: web\nsize: 3\nwide: true\nnames: [a, b]\ninner:\n  key: value\n  depth: 2.5\n";

    /** Of each kind of value that configurations have. */
    public record Inner(String key, double depth) {}

    /** Of each kind of value that configurations have. */
    public record Sample(String name, int size, boolean wide, List<String> names, Inner inner) implements Configs.Checked {
        @Override
        public List<String> problems() {
            return name.isEmpty() || inner.key().isEmpty() || names.contains("") ? List.of("name: is empty") : List.of();
        }
    }

    private static final Sample DEFAULTS = new Sample("n", 1, false, List.of(), new Inner("k", 1));

    private static void assertReadOrRefused(String what, String yaml) {
        try {
            assertThat(Configs.parse(yaml, "bad.yaml", DEFAULTS)).as(what).isNotNull();
        } catch (FerryException refused) {
            assertThat(refused.code()).as(what).isEqualTo(ErrorCode.CONFIG_INVALID);
            assertThat(refused.getMessage()).contains("bad.yaml");
        }
    }

    @Test
    void whateverIsInTheFile() {
        assertThat(Configs.parse(GOOD, "bad.yaml", DEFAULTS).names()).containsExactly("a", "b");
        for (int seed = 0; seed < SEEDS; seed++) {
            Mutations mutations = new Mutations(seed);
            byte[] bytes = seed % 4 == 0 ? mutations.noise(200) : mutations.damage(GOOD.getBytes(StandardCharsets.UTF_8));
            assertReadOrRefused("seed " + seed, new String(bytes, StandardCharsets.UTF_8));
        }
    }

    @Test
    void valuesOfAnotherKind() {
        for (String key : List.of("name", "size", "wide", "names", "inner", "inner: {key")) {
            for (String value : List.of("", "null", "~", "[]", "{}", "[null]", "{a: b}", "&a [*a]", "!!java.lang.Runtime {}", "1e999", "0x10", "'", "*none", "99999999999999999999")) {
                assertReadOrRefused(key + ": " + value, key + ": " + value + (key.contains("{") ? "}" : "") + "\n");
            }
        }
    }

    @Test
    void filesThatAreTooLargeOrGrowWhenTheyAreRead(@TempDir Path folder) throws Exception {
        Path large = Files.writeString(folder.resolve("large.yaml"), "# " + "x".repeat(2 << 20));
        assertThatThrownBy(() -> Configs.load(large, DEFAULTS)).isInstanceOf(FerryException.class).hasMessageContaining("large.yaml");
        StringBuilder laughs = new StringBuilder("a0: &a0 [x, x]\n");
        for (int level = 1; level < 30; level++) {
            laughs.append("a").append(level).append(": &a").append(level).append(" [*a").append(level - 1).append(", *a").append(level - 1).append("]\n");
        }
        assertReadOrRefused("a thousand million laughs", laughs.toString());
    }
}
