package dev.ferry.node.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class PaceTest {
    private final AtomicLong clock = new AtomicLong(1_000_000_000);
    private final AtomicLong cpu = new AtomicLong(7_000_000_000L);

    @Test
    void waitsAsLongAsTheBytesWouldHaveTaken() throws Exception {
        Pace pace = new Pace(1 << 20, 1, clock::get, cpu::get);
        clock.addAndGet(3_000_000_000L);
        pace.after(3 << 20);
        assertThat(pace.nanosLeft()).as("three seconds for three MiB").isZero();
        clock.addAndGet(-1_000_000_000L);
        assertThat(pace.nanosLeft()).isEqualTo(1_000_000_000L);
    }

    @Test
    void waitsAsLongAsTheCpuTimeDemands() {
        Pace pace = new Pace(1L << 40, 0.5, clock::get, cpu::get);
        cpu.addAndGet(2_000_000_000L);
        assertThat(pace.nanosLeft()).as("two seconds of CPU are four of half a CPU").isEqualTo(4_000_000_000L);
        clock.addAndGet(5_000_000_000L);
        assertThat(pace.nanosLeft()).isNegative();
    }
}
