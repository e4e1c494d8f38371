package dev.ferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TextsTest {
    @Test
    void aPartOfACpuIsNotRounded() {
        assertThat(Texts.cpus(250)).isEqualTo("0.25");
        assertThat(Texts.cpus(50)).isEqualTo("0.05");
        assertThat(Texts.cpus(1)).isEqualTo("0.001");
        assertThat(Texts.cpus(1500)).isEqualTo("1.5");
        assertThat(Texts.cpus(20_000)).isEqualTo("20");
        assertThat(Texts.cpus(0)).isEqualTo("0");
    }
}
