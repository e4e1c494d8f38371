package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.cgroup.Probe;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import java.nio.file.Path;
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
    private String group;

    @AfterEach
    void close() throws Exception {
        one.close();
        two.close();
        store.close();
        // runc makes the group in the controllers that it knows.
        new JobCgroup(CgroupLayout.ofThisMachine(), group).remove();
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

    @ParameterizedTest
    @ValueSource(strings = {"v2", "as it is here"})
    void aJobIsHeldToItsGpusAlsoWhenItWasRestoredOrUnparkedOnOthers(String devices) throws Exception {
        store = Stores.open(StoreConfig.ofUrl("file://" + folder.resolve("store")));
        Images images = new Images(store);
        one = new TestingGpuNode(folder, "one", "stand-in:2xH100:580:1GiB", images, "10s", "20s", layout(devices));
        two = new TestingGpuNode(folder, "two", "stand-in:4xH100:580:1GiB", images, "10s", "20s", layout(devices));
        GpuJobs job = new GpuJobs(one, 1, "train", "100000", "1", "1");
        job.start(one, one.uuids().subList(0, 1));
        group = Path.of(one.cgroup(job.id).path().substring(1)).getParent().toString();
        job.awaitSteps(one, 3);
        if (devices.equals("v2")) {
            assertMayUse(one.cgroup(job.id), 0);
        } else {
            // runc has set the controller by the job's device nodes, of which a stand-in's has none.
            assertMayUse(one.cgroup(job.id));
        }
        job.move(one, two, two.uuids().subList(1, 2));
        job.awaitSteps(two, 3);
        assertMayUse(two.cgroup(job.id), 1);
        two.succeed(job.park());
        two.succeed(job.unpark(two.uuids().subList(3, 4)));
        job.awaitSteps(two, 3);
        assertMayUse(two.cgroup(job.id), 3);
        two.succeed(job.kill());
    }
}
