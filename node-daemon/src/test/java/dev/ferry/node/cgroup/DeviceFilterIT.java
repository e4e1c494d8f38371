package dev.ferry.node.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.Ids;
import dev.ferry.node.posix.DevicePrograms;
import dev.ferry.node.posix.Posix;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which devices the processes of a group may use, by the kernel's word: in v2 by Ferry's own program, in v1 by the controller. */
class DeviceFilterIT {
    @TempDir Path folder;
    private JobCgroup job;

    /** As of a machine with v2 only: no controller of it is asked for, only that it keeps devices. */
    private static CgroupLayout onlyV2(CgroupLayout machine) {
        return new CgroupLayout(machine.unified(), Map.of());
    }

    private void make(String kind) throws Exception {
        CgroupLayout machine = CgroupLayout.ofThisMachine();
        job = new JobCgroup(kind.equals("v2") ? onlyV2(machine) : machine, "ferry-test-" + Ids.random(6));
        job.createFolders();
    }

    @AfterEach
    void remove() throws Exception {
        job.remove();
    }

    private String open(int major, int minor) throws Exception {
        return Probe.open(job, folder, major, minor);
    }

    /** NVIDIA's number is 195; nothing is behind it here, which the kernel says to whoever may open it. */
    @ParameterizedTest
    @ValueSource(strings = {"v2", "as it is here"})
    void aGroupMayUseWhatItWasGivenLastAndNothingElse(String kind) throws Exception {
        make(kind);
        assertThat(open(195, 0)).as("before there is a rule").isEqualTo(Probe.NOT_THERE);
        job.limits().setDevices(List.of());
        assertThat(open(1, 5)).as("/dev/zero").isEqualTo(Probe.OPENED);
        assertThat(open(1, 11)).as("/dev/kmsg").isEqualTo(Probe.REFUSED);
        assertThat(open(195, 0)).isEqualTo(Probe.REFUSED);
        job.limits().setDevices(List.of("c 195:0 rw", "c 195:255 rw"));
        assertThat(open(195, 0)).isEqualTo(Probe.NOT_THERE);
        assertThat(open(195, 255)).isEqualTo(Probe.NOT_THERE);
        assertThat(open(195, 1)).isEqualTo(Probe.REFUSED);
        job.limits().setDevices(List.of("c 195:1 rw", "c 195:255 rw"));
        assertThat(open(195, 1)).isEqualTo(Probe.NOT_THERE);
        assertThat(open(195, 0)).as("a GPU that it had before").isEqualTo(Probe.REFUSED);
        assertThat(open(1, 3)).as("/dev/null").isEqualTo(Probe.OPENED);
        assertThat(open(1, 11)).isEqualTo(Probe.REFUSED);
    }

    /** CRIU makes the nodes of its image within the group, also those of the GPUs of the node it comes from. */
    @ParameterizedTest
    @ValueSource(strings = {"v2", "as it is here"})
    void nodesOfAnyNumberMayBeMadeByWhoeverMayMakeNodes(String kind) throws Exception {
        make(kind);
        job.limits().setDevices(List.of("c 195:0 rw"));
        assertThat(Probe.make(job, folder, 195, 7)).isEqualTo(Probe.OPENED);
        assertThat(open(195, 7)).isEqualTo(Probe.REFUSED);
    }

    @Test
    void aRuleForReadingOnlyIsNoRuleForWriting() throws Exception {
        make("v2");
        job.limits().setDevices(List.of("c 195:* r"));
        assertThat(open(195, 3)).isEqualTo(Probe.REFUSED);
        job.limits().setDevices(List.of("c 195:* rw"));
        assertThat(open(195, 3)).isEqualTo(Probe.NOT_THERE);
    }

    @Test
    void asManyGpusAsAMachineCanHaveFit() throws Exception {
        make("v2");
        job.limits().setDevices(IntStream.range(0, 64).mapToObj(minor -> "c 195:" + minor + " rw").toList());
        assertThat(open(195, 63)).isEqualTo(Probe.NOT_THERE);
        assertThat(open(195, 64)).isEqualTo(Probe.REFUSED);
    }

    /** While it is replaced, no process may see a moment at which everything is allowed. */
    @Test
    void thereIsNoMomentWithoutAFilter() throws Exception {
        make("v2");
        job.limits().setDevices(List.of("c 195:0 rw"));
        Path forbidden = folder.resolve("forbidden");
        Posix.makeDevice(forbidden, 195, 9);
        Process opener =
                new ProcessBuilder(
                                "/usr/bin/python3",
                                "-S",
                                "-c",
                                "import errno,os,sys\nopen(sys.argv[2],'w').write('0')\nprint('ready',flush=True)\nfor _ in range(20000):\n  try:\n    os.open(sys.argv[1],os.O_RDWR)\n  except OSError as e:\n    if e.errno != errno.EPERM: print(e.strerror); break\nelse: print('always refused')",
                                forbidden.toString(),
                                job.joinFiles().getFirst().toString())
                        .redirectErrorStream(true)
                        .start();
        try (var lines = opener.inputReader()) {
            assertThat(lines.readLine()).isEqualTo("ready");
            for (int round = 0; opener.isAlive(); round++) {
                job.limits().setDevices(List.of("c 195:" + round % 2 + " rw"));
            }
            assertThat(lines.readLine()).isEqualTo("always refused");
        }
        assertThat(DevicePrograms.count(job.freezerFolder())).isEqualTo(1);
    }

    @Test
    void aGroupThatIsGoneIsNamed() throws Exception {
        make("v2");
        job.remove();
        assertThat(Files.exists(job.freezerFolder())).isFalse();
        assertThatThrownBy(() -> job.limits().setDevices(List.of())).hasMessageContaining(job.freezerFolder().toString());
    }
}
