package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.cli.chaos.SpotChaos;
import dev.ferry.cli.chaos.SpotReport;
import dev.ferry.common.Ids;
import dev.ferry.node.jobs.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code ferry chaos spot}, for a moment: docs/spot.md has what a long run brought. -Dferry.spot.told=20 -Dferry.spot.untold=50 -Dferry.seed=1 is one. */
class SpotChaosIT {
    /** {@link SpotIT} tells a machine of each cloud. */
    private static final int TOLD = Integer.getInteger("ferry.spot.told", 0);

    private static final int UNTOLD = Integer.getInteger("ferry.spot.untold", 1);
    private static final long SEED = Long.getLong("ferry.seed", 1);

    private Path folder;

    /**
     * Not below /tmp, of which each sandbox has its own: a node's folder must be hidden from jobs, also where that node is gone. A short name:
     * sockets below it may have 107 bytes.
     */
    @BeforeEach
    void make() throws IOException {
        folder = Files.createDirectory(Path.of("/var/tmp", "ferry-spot-" + Ids.random(6)));
    }

    @AfterEach
    void remove() throws IOException {
        Trees.delete(folder);
    }

    @Test
    void promisesAreKeptAndLossesAreWithinTheirBounds() throws Exception {
        SpotChaos.Plan plan = new SpotChaos.Plan(TOLD, UNTOLD, SEED, 4, 256, 1024, Duration.ofSeconds(10), Duration.ofSeconds(30), folder);
        SpotReport report = SpotChaos.run(plan, () -> false, System.out);
        assertThat(report.violations()).as(report.table()).isEmpty();
        assertThat(report.told()).hasSize(TOLD);
        assertThat(report.untold()).hasSize(UNTOLD);
        assertThat(report.untold()).as("machines on which there were jobs").allSatisfy(one -> assertThat(one.losses()).isNotEmpty());
        assertThat(report.json()).contains("\"violations\": []");
    }
}
