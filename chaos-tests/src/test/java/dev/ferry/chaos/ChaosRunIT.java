package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.chaos.ChaosReport;
import dev.ferry.cli.chaos.ChaosRun;
import dev.ferry.storage.object.S3Server;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ferry chaos run}, for a moment: the same faults each time. docs/reliability.md has what a long run brought. */
class ChaosRunIT {
    private static final int MIGRATIONS = 12;
    private static final long SEED = 948;
    private static final int FEW = 2;
    private static final long SEED_OF_SEVERAL = 29;
    private static final int OF_A_BAD_STORE = 6;
    /** Has each fault of an S3 server, and a jump of the coordinator's clock. */
    private static final long SEED_OF_A_BAD_STORE = 26_792;

    @TempDir Path folder;

    @Test
    void noJobIsLostAndNoneLivesTwice() throws Exception {
        ChaosReport report = ChaosRun.run(new ChaosRun.Plan(Duration.ofMinutes(10), MIGRATIONS, SEED, 3, 3, 8, 1, folder.resolve("run")), () -> false, System.out);
        assertThat(report.violations()).as(report.table()).isEmpty();
        assertThat(report.rounds()).hasSize(MIGRATIONS);
        assertThat(report.steps()).isPositive();
    }

    @Test
    void theSameHoldsWhenTheStoreIsAServerThatFails() throws Exception {
        try (S3Server s3 = new S3Server(Files.createDirectory(folder.resolve("s3")), false)) {
            String store = "s3://" + S3Server.BUCKET + "/chaos?endpoint=" + s3.endpoint();
            ChaosReport report = ChaosRun.run(new ChaosRun.Plan(Duration.ofMinutes(10), OF_A_BAD_STORE, SEED_OF_A_BAD_STORE, 2, 2, 8, 1, store, folder.resolve("run")), () -> false, System.out);
            assertThat(report.violations()).as(report.table()).isEmpty();
            assertThat(report.rounds()).hasSize(OF_A_BAD_STORE);
        }
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
