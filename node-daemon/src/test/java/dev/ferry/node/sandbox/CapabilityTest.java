package dev.ferry.node.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CapabilityTest {
    /** As the kernel shows them in the status of a process that runc has started. */
    @Test
    void bitsAreThoseThatAJobHas() {
        assertThat(Capability.bits()).isEqualTo(0xa00425fbL);
        assertThat(Capability.names()).hasSize(Long.bitCount(0xa00425fbL)).contains("CAP_SYS_CHROOT").doesNotContain("CAP_SYS_ADMIN");
    }
}
