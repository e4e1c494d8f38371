package dev.ferry.node.posix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Ids;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Programs of a group that others have attached, as runc does at a start. */
class DeviceProgramsIT {
    /** r0 = 1; exit: allows everything. */
    private static final byte[] ALL = {(byte) 0xb7, 0, 0, 0, 1, 0, 0, 0, (byte) 0x95, 0, 0, 0, 0, 0, 0, 0};

    private Path group;

    @BeforeEach
    void make() throws Exception {
        Path unified = Files.readAllLines(Path.of("/proc/self/mountinfo")).stream().filter(line -> line.contains(" - cgroup2 ")).map(line -> Path.of(line.split(" ")[4])).findFirst().orElseThrow();
        group = Files.createDirectory(unified.resolve("ferry-test-" + Ids.random(6)));
    }

    @AfterEach
    void remove() throws Exception {
        Files.delete(group);
    }

    @Test
    void oneTakesThePlaceOfAllThatAreThere() throws Exception {
        assertThat(DevicePrograms.count(group)).isZero();
        DevicePrograms.replace(group, ALL);
        assertThat(DevicePrograms.count(group)).isEqualTo(1);
        DevicePrograms.replace(group, ALL);
        assertThat(DevicePrograms.count(group)).isEqualTo(1);
        DevicePrograms.add(group, ALL);
        DevicePrograms.add(group, ALL);
        assertThat(DevicePrograms.count(group)).isEqualTo(3);
        DevicePrograms.replace(group, ALL);
        assertThat(DevicePrograms.count(group)).isEqualTo(1);
    }
}
