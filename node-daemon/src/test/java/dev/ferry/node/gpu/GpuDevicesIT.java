package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.cgroup.Probe;
import dev.ferry.node.posix.DevicePrograms;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A job is held to the GPUs that it has now, whichever way it came to them. By their numbers: the stand-in's GPUs have no device nodes. */
class GpuDevicesIT {
    private static final int NVIDIA = 195;

    @TempDir Path folder;
    private ObjectStore store;
    private TestingGpuNode one;
    private TestingGpuNode two;

    @AfterEach
    void close() throws Exception {
        one.close();
        two.close();
        store.close();
    }

    /** A machine that keeps devices by v2: as this one, but nothing of Ferry's is in the v1 controller. */
    private static CgroupLayout layout(String devices) throws Exception {
        CgroupLayout machine = CgroupLayout.ofThisMachine();
        if (devices.equals("as it is here")) {
            return machine;
        }
        return new CgroupLayout(machine.unified(), machine.controllers().entrySet().stream().filter(one -> !one.getKey().equals("devices")).collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)));
    }

    private void assertMayUse(JobCgroup group, Integer... minors) throws Exception {
        for (int minor = 0; minor < 4; minor++) {
            assertThat(Probe.open(group, folder, NVIDIA, minor)).as("of " + group.path() + ", nvidia" + minor).isEqualTo(List.of(minors).contains(minor) ? Probe.NOT_THERE : Probe.REFUSED);
        }
        assertThat(Probe.open(group, folder, 1, 11)).as("/dev/kmsg").isEqualTo(Probe.REFUSED);
        assertThat(Probe.open(group, folder, 1, 3)).as("/dev/null").isEqualTo(Probe.OPENED);
    }

    /** runc as on such a machine: it looks what is mounted at /sys/fs/cgroup, and makes a filter of its own if that is v2. */
    private Path runc(String devices) throws Exception {
        if (!devices.equals("v2")) {
            return Path.of("/usr/sbin/runc");
        }
        Path script = Files.writeString(folder.resolve("runc-v2"), """
                #!/bin/sh
                exec unshare --mount sh -ec 'mount --make-rprivate /; umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec /usr/sbin/runc "$@"' runc "$@"
                """);
        return Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private TestingGpuNode open(String name, int gpus, String devices) throws Exception {
        return new TestingGpuNode(folder, name, "stand-in:" + gpus + "xH100:580:1GiB", new Images(store), "10s", "20s", layout(devices), runc(devices));
    }

    @ParameterizedTest
    @ValueSource(strings = {"v2", "as it is here"})
    void aJobIsHeldToItsGpusAlsoWhenItWasRestoredOrUnparkedOnOthers(String devices) throws Exception {
        store = Stores.open(StoreConfig.ofUrl("file://" + folder.resolve("store")));
        one = open("one", 2, devices);
        two = open("two", 4, devices);
        GpuJobs job = new GpuJobs(one, 1, "train", "100000", "1", "1");
        job.start(one, one.uuids().subList(0, 1));
        job.awaitSteps(one, 3);
        // Here it is runc's word, by the job's device nodes: a stand-in's job has none.
        assertMayUse(one.cgroup(job.id));
        assertPrograms(one.cgroup(job.id), devices);
        one.succeed(job.park());
        one.succeed(job.unpark(one.uuids().subList(1, 2)));
        assertMayUse(one.cgroup(job.id), 1);
        assertPrograms(one.cgroup(job.id), devices);
        job.move(one, two, two.uuids().subList(2, 3));
        job.awaitSteps(two, 3);
        assertMayUse(two.cgroup(job.id), 2);
        two.succeed(job.park());
        two.succeed(job.unpark(two.uuids().subList(3, 4)));
        job.awaitSteps(two, 3);
        assertMayUse(two.cgroup(job.id), 3);
        assertPrograms(two.cgroup(job.id), devices);
        two.succeed(job.kill());
    }

    /** Two programs would both have to allow: whoever comes puts its own in the place of the other's. */
    private static void assertPrograms(JobCgroup group, String devices) throws Exception {
        assertThat(DevicePrograms.count(group.freezerFolder())).isEqualTo(devices.equals("v2") ? 1 : 0);
    }
}
