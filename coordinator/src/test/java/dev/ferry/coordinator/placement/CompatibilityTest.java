package dev.ferry.coordinator.placement;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Places;
import dev.ferry.proto.v1.GpuFile;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Requirements;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What an image needs is compared with what a node has, and what lacks is named. */
class CompatibilityTest {
    private static final NodeFacts NODE =
            NodeFacts.newBuilder()
                    .setArchitecture("amd64")
                    .setKernel("6.8.0-31-generic")
                    .addAllCpuFeatures(List.of("avx2", "avx512f", "sse4_2"))
                    .setCriuVersion("4.2.1")
                    .addAllGpuModels(List.of("NVIDIA H100", "NVIDIA H100"))
                    .setGpuDriver("570.86.10")
                    .setGpuPlaces(Places.of(List.of("/driver/libcuda.so.570", "/dev/nvidiactl")))
                    .build();

    private static String lack(Consumer<Requirements.Builder> change) {
        Requirements.Builder needs = Requirements.newBuilder().setArchitecture("amd64").setKernel("6.8.0-40-generic").addCpuFeatures("avx2").setCriuVersion("4.2");
        change.accept(needs);
        return Compatibility.unfit(needs.build(), NODE).orElse("");
    }

    @Test
    void aNodeThatHasAllIsFit() {
        assertThat(lack(needs -> {})).isEmpty();
        assertThat(lack(needs -> needs.setKernel("5.10.0").setCriuVersion("4.0"))).isEmpty();
        assertThat(lack(needs -> needs.setGpus(2).setGpuModel("NVIDIA H100").setGpuDriver("570.86.10"))).isEmpty();
    }

    @Test
    void whatLacksIsNamed() {
        assertThat(lack(needs -> needs.setArchitecture("aarch64"))).contains("aarch64", "amd64");
        assertThat(lack(needs -> needs.addCpuFeatures("amx_tile"))).contains("amx_tile").doesNotContain("avx2");
        assertThat(lack(needs -> needs.setKernel("6.12.1"))).contains("6.8.0-31-generic", "6.12.1");
        assertThat(lack(needs -> needs.setCriuVersion("4.10"))).contains("4.2.1", "4.10");
        assertThat(lack(needs -> needs.setGpus(3).setGpuModel("NVIDIA H100"))).contains("3 GPUs");
        assertThat(lack(needs -> needs.setGpus(1).setGpuModel("NVIDIA A100"))).contains("NVIDIA A100");
        assertThat(lack(needs -> needs.setGpus(1).setGpuModel("NVIDIA H100").setGpuDriver("580.10"))).contains("570.86.10", "580.10");
    }

    private static GpuFiles files(String... destinations) {
        return GpuFiles.newBuilder().addAllFiles(Stream.of(destinations).map(at -> GpuFile.newBuilder().setDestination(at).build()).toList()).build();
    }

    @Test
    void whatAJobHasMountedForItsGpusMustHaveAPlace() {
        assertThat(lack(needs -> needs.setGpuFiles(files("/driver/libcuda.so.570", "/dev/nvidiactl")))).isEmpty();
        assertThat(lack(needs -> needs.setGpuFiles(files("/driver/libcuda.so.580", "/driver/libcuda.so.570", "/dev/nvidia7")))).contains("/driver/libcuda.so.580 and 1 more", "CDI").doesNotContain("570,");
        // It is looked for where the specification has it, wherever the job's file system leads.
        GpuFile linked = GpuFile.newBuilder().setDestination("/opt/driver/libcuda.so.570").setPath("/driver/libcuda.so.570").build();
        assertThat(lack(needs -> needs.setGpuFiles(GpuFiles.newBuilder().addFiles(linked)))).isEmpty();
        // A daemon that does not say is asked by the operation, before the source is stopped.
        Requirements needs = Requirements.newBuilder().setGpuFiles(files("/driver/libcuda.so.580")).build();
        assertThat(Compatibility.unfit(needs, NodeFacts.getDefaultInstance())).isEmpty();
    }

    @Test
    void allThatLacksIsSaidAtOnce() {
        assertThat(lack(needs -> needs.setKernel("7.0").addCpuFeatures("amx_tile"))).contains("amx_tile", "7.0");
    }
}
