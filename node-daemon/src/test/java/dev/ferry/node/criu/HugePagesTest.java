package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HugePagesTest {
    @Test
    void whoeverSwitchedThemOffHasNone() {
        assertThat(HugePages.areWanted("always madvise [never]\n")).isFalse();
        assertThat(HugePages.areWanted("always [madvise] never\n")).isTrue();
        assertThat(HugePages.areWanted("[always] madvise never\n")).isTrue();
    }
}
