package dev.ferry.scheduling.preempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RungTest {
    private static final int CASES = Integer.getInteger("ferry.cases", 100_000);
    private static final long MOST = 1800;

    private static Demand gpus(int gpus) {
        return new Demand(1, 1000, 1000, gpus, 0);
    }

    @Test
    void eachReasonIsSaid() {
        Rung.Host wide = new Rung.Host(4000, 90_000, 0);
        assertThat(Rung.choose(gpus(1), 600, wide, 80_000, MOST)).isEqualTo(new Rung(true, "the room is needed for 600 s at most"));
        assertThat(Rung.choose(gpus(0), 600, wide, 0, MOST).why()).contains("parking does not give");
        assertThat(Rung.choose(gpus(1), 600, new Rung.Host(999, 90_000, 0), 0, MOST).why()).contains("keep CPUs and memory");
        assertThat(Rung.choose(gpus(1), 600, new Rung.Host(4000, 999, 0), 0, MOST).why()).contains("keep CPUs and memory");
        // What is parked there already and what the taker uses itself are no room.
        assertThat(Rung.choose(gpus(1), 600, new Rung.Host(4000, 90_000, 9_001), 80_000, MOST).why()).contains("no room for 80000 MiB");
        assertThat(Rung.choose(gpus(1), 600, new Rung.Host(4000, 90_000, 9_000), 80_000, MOST).park()).isTrue();
        assertThat(Rung.choose(gpus(1), WaitingJob.UNKNOWN, wide, 80_000, MOST).why()).contains("nobody knows");
        assertThat(Rung.choose(gpus(1), MOST + 1, wide, 80_000, MOST).park()).isFalse();
    }

    /** Parked jobs never take more memory than there is, nor room for longer than is allowed; less need never makes a parked job a stored one. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void onRandomCases(long seed) {
        Random random = new Random(seed);
        int parked = 0;
        for (int at = 0; at < CASES; at++) {
            Demand taker = new Demand(1, random.nextInt(8000), random.nextInt(100_000), random.nextInt(9), 0);
            Rung.Host host = new Rung.Host(random.nextInt(16_000), random.nextInt(400_000), random.nextInt(100_000));
            long state = random.nextInt(8) * 40_000L;
            long seconds = random.nextInt(4) == 0 ? WaitingJob.UNKNOWN : random.nextInt(7200);
            long most = random.nextInt(7200);
            Rung chosen = Rung.choose(taker, seconds, host, state, most);
            assertThat(Rung.choose(taker, seconds, host, state, most)).isEqualTo(chosen);
            boolean fits = taker.memory() + host.parked() + state <= host.memory() && taker.cpuMillis() <= host.cpuMillis();
            assertThat(chosen.park()).as("%s %s %s %s %s", taker, seconds, host, state, most).isEqualTo(taker.gpus() > 0 && fits && seconds <= most);
            if (chosen.park()) {
                parked++;
                assertThat(Rung.choose(taker, random.nextLong(seconds + 1), host, state, most).park()).isTrue();
                assertThat(Rung.choose(taker, seconds, new Rung.Host(host.cpuMillis(), host.memory() + random.nextInt(1000), random.nextLong(host.parked() + 1)), random.nextLong(state + 1), most).park()).isTrue();
            }
        }
        assertThat(parked).as("cases in which it is parked").isGreaterThan(CASES / 100);
    }
}
