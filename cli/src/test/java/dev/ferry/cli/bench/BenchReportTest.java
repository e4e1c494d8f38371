package dev.ferry.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class BenchReportTest {
    private static final Figure BETTER = Figure.compared("freeze", "s", List.of(0.4, 0.2, 0.3), "criu", List.of(1.0, 0.8), 0.5, "a note");
    private static final Figure WORSE = Figure.alone("memory", "MiB", List.of(800.0), Optional.of(700.0), "");
    private static final BenchReport REPORT = new BenchReport(Map.of("cpus", "2"), List.of(BETTER, WORSE));

    @Test
    void comparesMedians() {
        assertThat(BETTER.sides().getFirst().median()).isEqualTo(0.3);
        assertThat(BETTER.sides().get(1).median()).as("of an even number the mean of the two in the middle").isEqualTo(0.9);
        assertThat(BETTER.result()).isEqualTo(0.3 / 0.9);
        assertThat(BETTER.reached()).contains(true);
        assertThat(WORSE.reached()).contains(false);
    }

    @Test
    void tellsSpreadAndWhatWasMissed() {
        assertThat(REPORT.table()).contains("cpus: 2").contains("0.300 s (0.200 to 0.400)").contains("criu: 0.900 s").contains("at most 0.500: reached").contains("at most 700: missed").contains("(a note)");
    }

    @Test
    void sizesDoubleUpToTheOneThatIsAskedFor() {
        assertThat(Growth.sizes(64)).containsExactly(64);
        assertThat(Growth.sizes(256)).containsExactly(256);
        assertThat(Growth.sizes(2048)).containsExactly(256, 512, 1024, 2048);
        assertThat(Growth.sizes(1500)).containsExactly(256, 512, 1024, 1500);
    }

    private static Growth.Point point(int mebibytes, int processes, double seconds) {
        List<Figure> curves = Stream.of(Growth.Curve.values()).map(curve -> Figure.beside(curve.title(), "s", List.of(seconds, 2 * seconds), curve.other(), List.of(seconds / 2), "")).toList();
        return new Growth.Point(new Load(mebibytes, 0, 1, processes), mebibytes + 10.0, curves);
    }

    @Test
    void growthIsATableJsonAndAPicture() {
        GrowthReport report = new GrowthReport(Map.of("cpus", "2"), List.of(point(256, 1, 0.2), point(512, 1, 0.4)), List.of(point(256, 1, 0.2)), List.of("8192 MiB in 1 process: no room"));
        assertThat(report.table()).contains("| 512 MiB | 1 | 522 MiB | 0.600 s (0.400 to 0.800) | 0.200 s |");
        assertThat(report.table()).contains("not measured: 8192 MiB in 1 process: no room");
        assertThat(report.isWhole()).isFalse();
        assertThat(report.json()).contains("8192 MiB in 1 process: no room").contains("\"imageMebibytes\": 522").contains("\"cpus\": \"2\"");
        assertThat(report.svg()).contains("70.0,").contains("620.0,").doesNotContain("NaN").endsWith("</svg>\n");
    }

    @Test
    void writesJsonAndAPicture() {
        assertThat(REPORT.json()).contains("\"reached\": true").contains("\"values\": [0.4, 0.2, 0.3]");
        assertThat(BenchPlot.of(REPORT)).startsWith("<svg").contains("freeze: 0.333, to reach 0.500").endsWith("</svg>\n");
    }
}
