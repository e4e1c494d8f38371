package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.node.sandbox.RootPlan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of the form that nvidia-ctk writes: devices by index and by UUID, hooks, libraries with the driver's version in their names. */
class CdiSpecsTest {
    private static final GpuDevice FIRST = device("GPU-aaaa", 3);
    private static final GpuDevice SECOND = device("GPU-bbbb", 1);
    private static final List<GpuDevice> FOUND = List.of(FIRST, SECOND);

    @TempDir Path folder;
    private Path library;

    private static GpuDevice device(String uuid, int minor) {
        return new GpuDevice(uuid, "H100", minor, 1L << 30, 0, 0, false, true, "", Map.of(), true);
    }

    @BeforeEach
    void aLibrary() throws IOException {
        library = Files.writeString(folder.resolve("libcuda.so.580.1"), "elf");
    }

    private String specification() {
        return """
                cdiVersion: "0.5.0"
                kind: nvidia.com/gpu
                devices:
                - name: "0"
                  containerEdits:
                    deviceNodes: [{path: /dev/nvidia3}, {path: /dev/dri/card1}]
                    hooks: [{hookName: createContainer, path: /usr/bin/nvidia-cdi-hook, args: [nvidia-cdi-hook, create-symlinks]}]
                - name: GPU-bbbb
                  containerEdits: {deviceNodes: [{path: /dev/nvidia1, hostPath: /dev/nvidia1, major: 195, minor: 1}]}
                containerEdits:
                  env: [NVIDIA_VISIBLE_DEVICES=void, CUDA_VISIBLE_DEVICES=0, LD_PRELOAD=/evil.so]
                  deviceNodes: [{path: /dev/nvidiactl}, {path: /dev/nvidia-uvm}]
                  mounts:
                  - {hostPath: LIBRARY, containerPath: /usr/lib/libcuda.so.580.1, options: [ro, nosuid, nodev, bind]}
                  - {hostPath: /run/nowhere/socket, containerPath: /run/nowhere/socket}
                """
                .replace("LIBRARY", library.toString());
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(Files.createDirectories(folder.resolve("cdi")).resolve(name), text);
    }

    private CdiSpecs read() {
        return CdiSpecs.read(List.of(folder.resolve("none").toString(), folder.resolve("cdi").toString()));
    }

    @Test
    void whatIsTakenIsWhatComputesAndNothingElse() throws IOException {
        write("nvidia.yaml", specification());
        write("other.yaml", "{cdiVersion: 0.5.0, kind: vendor.com/nic, devices: 7}");
        CdiSpecs specs = read();
        assertThat(specs.problems()).isEmpty();
        CdiEdits both = specs.of(FOUND, FOUND).orElseThrow();
        assertThat(both.nodes()).containsExactlyInAnyOrder("nvidia1", "nvidia3", "nvidiactl", "nvidia-uvm");
        assertThat(both.environment()).containsExactly(Map.entry("NVIDIA_VISIBLE_DEVICES", "void"));
        assertThat(both.files()).containsExactly(new RootPlan.Bind(library, "/usr/lib/libcuda.so.580.1", true));
        assertThat(specs.of(List.of(SECOND), FOUND).orElseThrow().nodes()).doesNotContain("nvidia3");
        assertThat(specs.unknown(FOUND)).isEmpty();
    }

    @Test
    void anIndexThatMeansAnotherGpuIsNotTaken() throws IOException {
        write("nvidia.yaml", specification());
        // The driver was loaded anew and the order has changed since the file was written.
        List<GpuDevice> turned = List.of(SECOND, FIRST);
        assertThat(read().of(List.of(FIRST), turned)).isEmpty();
        assertThat(read().unknown(turned)).containsExactly("GPU-aaaa");
        assertThat(read().of(List.of(SECOND), turned)).isPresent();
    }

    @Test
    void theLastFolderAndFileCounts() throws IOException {
        write("a.yaml", specification());
        write("b.json", "{\"cdiVersion\": \"0.6.0\", \"kind\": \"nvidia.com/gpu\", \"devices\": [{\"name\": \"GPU-bbbb\", \"containerEdits\": {\"deviceNodes\": [{\"path\": \"/dev/nvidia1\"}]}}]}");
        assertThat(read().of(List.of(SECOND), FOUND).orElseThrow()).isEqualTo(new CdiEdits(java.util.Set.of("nvidia1"), Map.of(), List.of()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", "[1, 2]", "{{{", "kind: nvidia.com/gpu", "{cdiVersion: '0.5.0', kind: nvidia.com/gpu, devices: 7}", "{cdiVersion: '0.5.0', kind: nvidia.com/gpu, devices: [{containerEdits: {}}]}",
                "{cdiVersion: '0.5.0', kind: nvidia.com/gpu, devices: [{name: a, containerEdits: []}]}", "{cdiVersion: '0.5.0', kind: nvidia.com/gpu, devices: [{name: a}, {name: a}]}",
                "{cdiVersion: '0.5.0', kind: nvidia.com/gpu, containerEdits: {deviceNodes: [{path: /dev/nvidia0}]}}", "{cdiVersion: '0.5.0', kind: nvidia.com/gpu, containerEdits: {env: [{}]}}",
                "{cdiVersion: '0.5.0', kind: nvidia.com/gpu, containerEdits: {mounts: [{hostPath: /etc/../root, containerPath: /x}]}}",
                "{cdiVersion: '0.5.0', kind: nvidia.com/gpu, containerEdits: {deviceNodes: [{path: /dev/nvidiactl, hostPath: /dev/sda}]}}"
            })
    void whatIsNotSoundIsNamedAndNotUsed(String text) throws IOException {
        write("nvidia.yaml", text);
        CdiSpecs specs = read();
        assertThat(specs.problems()).singleElement().asString().startsWith(folder.resolve("cdi/nvidia.yaml") + ": ");
        assertThat(specs.isEmpty()).isTrue();
        assertThat(specs.of(FOUND, FOUND)).isEmpty();
    }

    @Test
    void whatOthersMayWriteOrIsTooLargeIsNotUsed() throws IOException {
        Path file = write("nvidia.yaml", specification());
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r--"));
        assertThat(read().problems()).singleElement().asString().contains("others than root may write it");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        assertThat(read().problems()).isEmpty();
        Files.writeString(file, specification() + "#".repeat(256 << 10));
        assertThat(read().problems()).singleElement().asString().contains("more than");
    }
}
