package dev.ferry.cli.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.evacuation.MachineLife;
import dev.ferry.coordinator.evacuation.ReplayPolicy;
import dev.ferry.coordinator.evacuation.ReplayReport;
import dev.ferry.coordinator.evacuation.ReplayTerms;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ferry simulate spot}: the table in docs/spot.md comes from it. */
class SpotSimulationTest {
    private static final long MIB = 1 << 20;
    private static final ReplayTerms TERMS = new ReplayTerms(4, 1, Duration.ofMillis(500), Duration.ofSeconds(60), 4096 * MIB, 5 * MIB, 200 * MIB, Duration.ofSeconds(30), 0.03);

    @TempDir Path folder;

    private static List<MachineLife> lives(long seed) {
        return SpotLives.generated(seed, 4, Duration.ofDays(3), Duration.ofMinutes(48), Duration.ofHours(10));
    }

    @Test
    void dalyWithTheDeltaBudgetAndNoticesLosesTheLeast() {
        List<ReplayReport> reports = new SpotComparison(lives(1), TERMS, ReplayPolicy.usual()).reports();
        assertThat(reports).extracting(ReplayReport::policy).containsExactly("every 1h", "every 10m", "every 1m", "daly", "daly+budget+notices");
        assertOrdered(reports.get(0), reports.get(1), reports.get(3), reports.get(4));
        assertOrdered(reports.get(0), reports.get(2), reports.get(3), reports.get(4));
    }

    @Test
    void soItIsOnLivesThatWereRecorded() {
        List<ReplayPolicy> policies = List.of(ReplayPolicy.every("every 1h", Duration.ofHours(1)), ReplayPolicy.every("every 10m", Duration.ofMinutes(10)), ReplayPolicy.daly(), ReplayPolicy.full());
        List<ReplayReport> reports = new SpotComparison(SpotLives.recorded(), TERMS, policies).reports();
        assertOrdered(reports.get(0), reports.get(1), reports.get(2), reports.get(3));
    }

    private static void assertOrdered(ReplayReport seldom, ReplayReport fixed, ReplayReport daly, ReplayReport full) {
        assertThat(full.useful()).as("of all the time").isGreaterThan(0.97).isGreaterThan(daly.useful());
        assertThat(daly.useful()).isGreaterThan(fixed.useful());
        assertThat(fixed.useful()).isGreaterThan(seldom.useful());
        assertThat(full.losses()).as("jobs that lost work, of %d ends", full.ends()).isLessThan(daly.losses() / 10);
    }

    @Test
    void theSameSeedGivesTheSameBytes() {
        Stream.of(1L, 2L).forEach(seed -> assertThat(comparison(seed).json()).isEqualTo(comparison(seed).json()));
        assertThat(comparison(1).json()).isNotEqualTo(comparison(2).json());
        assertThat(comparison(1).table()).isEqualTo(comparison(1).table()).contains("USEFUL %").contains("daly+budget+notices").contains(" were taken away after ");
    }

    private static SpotComparison comparison(long seed) {
        List<MachineLife> lives = SpotLives.generated(seed, 2, Duration.ofDays(2), Duration.ofMinutes(48), Duration.ofHours(10));
        return new SpotComparison(lives, TERMS, List.of(ReplayPolicy.every("every 10m", Duration.ofMinutes(10)), ReplayPolicy.full()));
    }

    @Test
    void livesAreAsLongAsWasAskedFor() {
        assertThat(lives(3)).filteredOn(MachineLife::taken).isNotEmpty().allSatisfy(life -> assertThat(life.endedMillis() - life.beganMillis()).isBetween(Duration.ofMinutes(48).toMillis(), Duration.ofHours(10).toMillis()));
        assertThat(lives(3)).filteredOn(life -> !life.taken()).as("those that live on at the end").hasSizeBetween(1, 4).allSatisfy(life -> assertThat(life.endedMillis()).isEqualTo(Duration.ofDays(3).toMillis()));
        assertThat(SpotLives.recorded()).hasSize(192).filteredOn(MachineLife::taken).hasSize(178);
    }

    @Test
    void whatCannotBeReadIsNamedWithItsLine() throws Exception {
        assertThat(SpotLives.read(file("# a comment\nmachine,began,ended,taken\n\na,0,1.5,true\n"))).containsExactly(new MachineLife("a", 0, 1500, true));
        refused("began,ended\n0,1\n", "Line 1", "machine,began,ended,taken");
        refused("machine,began,ended,taken\na,0,1\n", "Line 2", "3 cells");
        refused("machine,began,ended,taken\na,0,soon,true\n", "Line 2", "'soon'");
        refused("machine,began,ended,taken\na,0,1,perhaps\n", "Line 2", "'perhaps'");
        refused("machine,began,ended,taken\na,7,7,true\n", "Line 2", "7000 ms");
        refused("machine,began,ended,taken\n", "no lives", "m-1,0,3600,true");
        assertThatThrownBy(() -> SpotLives.read(folder.resolve("none"))).isInstanceOf(FerryException.class).hasMessageContaining("none");
    }

    private void refused(String text, String... words) throws Exception {
        Path file = file(text);
        assertThatThrownBy(() -> SpotLives.read(file)).isInstanceOf(FerryException.class).hasMessageContainingAll(words);
    }

    private Path file(String text) throws Exception {
        return Files.writeString(folder.resolve("lives.csv"), text);
    }
}
