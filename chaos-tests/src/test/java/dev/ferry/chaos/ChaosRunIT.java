package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.chaos.ChaosReport;
import dev.ferry.cli.chaos.ChaosRun;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ferry chaos run}, for a moment: the same faults each time. docs/reliability.md has what a long run brought. */
class ChaosRunIT {
    private static final int MIGRATIONS = 12;
    private static final long SEED = 918;
    private static final int FEW = 2;
    private static final long SEED_OF_SEVERAL = 22;

    @TempDir Path folder;

    @Test
    void noJobIsLostAndNoneLivesTwice() throws Exception {
        ChaosReport report = ChaosRun.run(new ChaosRun.Plan(Duration.ofMinutes(10), MIGRATIONS, SEED, 3, 3, 8, 1, folder.resolve("run")), () -> false, System.out);
        assertThat(report.violations()).as(report.table()).isEmpty();
        assertThat(report.rounds()).hasSize(MIGRATIONS);
        assertThat(report.steps()).isPositive();
    }

    /** The seed kills the one that leads first of all. */
    @Test
    void theSameHoldsOfSeveralCoordinators() throws Exception {
        ChaosReport report = ChaosRun.run(new ChaosRun.Plan(Duration.ofMinutes(10), FEW, SEED_OF_SEVERAL, 2, 2, 8, 2, folder.resolve("run")), () -> false, System.out);
        assertThat(report.violations()).as(report.table()).isEmpty();
        assertThat(report.failOvers()).as(report.table()).isNotEmpty();
        assertThat(report.rounds()).hasSize(FEW);
    }
}
