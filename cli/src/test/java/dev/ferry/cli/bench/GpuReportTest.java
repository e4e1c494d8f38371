package dev.ferry.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class GpuReportTest {
    private static final GpuReport.Act PARKED = GpuReport.Act.done("park, resume", Map.of("unlock", 1.0, "device to host", 500.0, "all", 2000.0), 3L << 30);
    private static final GpuReport.Act REFUSED =
            GpuReport.Act.refused("checkpoint", GpuReport.Refusal.of(new FerryException(ErrorCode.DUMP_FAILED, "CRIU could not", List.of("Dumping FAILED."), null)));
    private static final GpuReport.Driver DRIVER = new GpuReport.Driver(1_000_000_000, Map.of("d2h", List.of(50.0, 55.0, 45.0)), Map.of("checkpoint", List.of(100.0, 200.0, 400.0)), List.of());

    private static GpuReport of(boolean finished, GpuReport.Verdict verdict, GpuReport.Act... acts) {
        return new GpuReport(true, finished, Map.of("CPUs", "2"), List.of(), List.of(), List.of(new GpuReport.Trial("a program", verdict, 1_000_000_000, List.of(acts), "compared so", List.of())), Optional.of(DRIVER), List.of());
    }

    @Test
    void isGoodOnlyWhenSomethingWasTriedAndNothingRefused() {
        assertThat(of(true, GpuReport.Verdict.WORKS, PARKED).good()).isTrue();
        assertThat(of(false, GpuReport.Verdict.WORKS, PARKED).good()).as("cut off").isFalse();
        assertThat(of(true, GpuReport.Verdict.NOT_TRIED).good()).isFalse();
        assertThat(of(true, GpuReport.Verdict.DIFFERS, PARKED).good()).isFalse();
        assertThat(of(true, GpuReport.Verdict.REFUSED, PARKED, REFUSED).good()).isFalse();
    }

    @Test
    void saysItAllForPeopleAndForPrograms() {
        GpuReport report = of(true, GpuReport.Verdict.REFUSED, PARKED, REFUSED);
        assertThat(report.text())
                .contains("**gpu: stand-in.**", "## a program: REFUSED", "Compared: compared so.")
                .as("in the order in which they happen, whatever the map's")
                .contains("| milliseconds | device to host | unlock | all |")
                .as("by the program's own bytes")
                .contains("| park, resume | 500 | 1.00 | 2000 | 2.00 GB/s |")
                .contains("| call checkpoint | 200  (100 to 400) | 5.00 |", "| copy, pinned memory, d2h | | 50.0  (45.0 to 55.0) |")
                .contains("DUMP_FAILED: CRIU could not", "```\nDumping FAILED.\n```");
        assertThat(report.json()).contains("\"gpu\" : \"stand-in\"", "\"good\" : false", "\"code\" : \"DUMP_FAILED\"");
    }

    @Test
    void findsTheFilesOfADriverThatAreMountedOneByOne() {
        assertThat(
                        GpuProgram.driverFiles(
                                List.of(
                                        "1 0 8:1 / / rw - ext4 /dev/sda rw",
                                        "2 1 8:1 /x /usr/lib/x86_64-linux-gnu/libcuda.so.580.1 ro - ext4 /dev/sda rw",
                                        "3 1 8:1 /x /usr/bin/nvidia-smi ro - ext4 /dev/sda rw",
                                        "4 1 0:5 / /dev/nvidia0 rw - devtmpfs none rw",
                                        "5 1 0:6 / /proc/driver/nvidia rw - proc none rw")))
                .extracting(mount -> mount.getSource())
                .containsExactly("/usr/lib/x86_64-linux-gnu/libcuda.so.580.1", "/usr/bin/nvidia-smi");
    }
}
