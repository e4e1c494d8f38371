package dev.ferry.chaos.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.store.StateStore;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Bugs that are planted by doubles: a simulation that does not find them would find nothing. */
class PlantedBugsTest {
    private static final long ENOUGH_SEEDS = 300;

    @BeforeAll
    static void quiet() {
        Seeds.quiet();
    }

    private static void isFound(Invariant invariant, Seeds.Maker planted) {
        Seeds.Report report = Seeds.run(LongStream.range(0, ENOUGH_SEEDS).iterator(), planted);
        assertThat(report.failure()).as(report.text()).contains(invariant);
        assertThat(report.text()).contains("-Dferry.seed=");
    }

    /** The database lets a coordinator write that no longer leads. */
    @Test
    void aSkippedEpochCheckIsFound() {
        isFound(
                Invariant.NO_WRITE_OF_A_DEPOSED_LEADER,
                (seed, tracing) ->
                        new World(seed, tracing) {
                            @Override
                            StateStore open(SimProcess process, long epoch) {
                                return new MemoryStateStore(tables(), this, process, epoch) {
                                    @Override
                                    protected void requireLeader() {
                                        // The planted bug.
                                    }
                                };
                            }
                        });
    }

    /** CRIU ends the job as soon as it has taken its memory, as it does when nobody holds its post-dump gate shut. */
    @Test
    void aKillBeforeTheCommitIsFound() {
        isFound(
                Invariant.NOTHING_KILLED_BEFORE_THE_COMMIT,
                (seed, tracing) ->
                        new World(seed, tracing) {
                            @Override
                            void afterCapture(SimNode.Copy copy) {
                                copy.node().kill(copy, "CRIU");
                            }
                        });
    }

    /** Daemon and watchdog count the lease on the wall clock, which somebody sets while the node is cut off. */
    @Test
    void aLeaseOnTheWallClockIsFound() {
        isFound(
                Invariant.NO_COPY_RUNS_AFTER_ITS_LEASE,
                (seed, tracing) ->
                        new World(seed, tracing) {
                            @Override
                            long leaseClock(SimMachine machine) {
                                return TimeUnit.MILLISECONDS.toNanos(machine.millis());
                            }
                        });
    }
}
