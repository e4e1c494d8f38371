package dev.ferry.node.standin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StandInSpecTest {
    @Test
    void driverAndMemoryHaveDefaults() {
        assertThat(StandInSpec.parse("stand-in:4xH100")).isEqualTo(new StandInSpec(4, "NVIDIA H100 80GB HBM3", 580, 80L << 30));
        assertThat(StandInSpec.parse("stand-in:1xL4:570:2GiB")).isEqualTo(new StandInSpec(1, "NVIDIA L4", 570, 2L << 30));
    }

    @ParameterizedTest
    @ValueSource(strings = {"4xH100", "stand-in:0xH100", "stand-in:17xH100", "stand-in:x", "stand-in:1xH100:58"})
    void whatIsWrongIsNamed(String text) {
        assertThatThrownBy(() -> StandInSpec.parse(text)).hasMessageContaining(text).hasMessageContaining("stand-in:4xH100");
    }
}
