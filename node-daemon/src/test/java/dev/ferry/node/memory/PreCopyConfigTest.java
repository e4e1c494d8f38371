package dev.ferry.node.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Configs;
import dev.ferry.node.NodeConfig;
import org.junit.jupiter.api.Test;

class PreCopyConfigTest {
    private static PreCopyConfig cpus(String cpus) {
        return new PreCopyConfig("512MiB", cpus, 4, "60s");
    }

    @Test
    void cpusAreANumberOrAPartOfTheMachine() {
        assertThat(PreCopyConfig.defaults().problems()).isEmpty();
        assertThat(PreCopyConfig.defaults().cpusOf(2)).isEqualTo(0.1);
        assertThat(cpus("5%").cpusOf(96)).isEqualTo(4.8);
        assertThat(cpus("12.5 %").cpusOf(8)).isEqualTo(1);
        assertThat(cpus("0.5").cpusOf(96)).isEqualTo(0.5);
        assertThat(cpus("3").cpusOf(2)).isEqualTo(3);
    }

    /** As it was before percentages. */
    @Test
    void aNumberInAFileIsOneStill() {
        for (String number : new String[] {"0.5", "2", "0.0625", "0.0001"}) {
            NodeConfig read = Configs.parse("preCopy: {cpus: " + number + "}", "node.yaml", NodeConfig.defaults());
            assertThat(read.preCopy().cpusOf(64)).isEqualTo(Double.parseDouble(number));
        }
    }

    @Test
    void whatIsNeitherIsNamed() {
        for (String wrong : new String[] {"", "half", "-1", "5 percent", "1e9", "NaN", "0x1p3"}) {
            assertThat(cpus(wrong).problems()).singleElement().asString().contains("cpus").contains("0.5 or 5%");
        }
        assertThat(cpus("0%").problems()).containsExactly("cpus: must be more than 0");
        assertThat(cpus("0.0").problems()).containsExactly("cpus: must be more than 0");
    }
}
