package dev.ferry.node.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which files are written on machines of all kinds: plain folders that look like hierarchies. */
class GroupLimitsTest {
    private static final Path GROUP = Path.of("ferry", "j-aaaaaaaa");

    @TempDir Path folder;
    private Path unified;
    private Path memory;

    @BeforeEach
    void make() throws Exception {
        unified = Files.createDirectories(folder.resolve("unified"));
        memory = Files.createDirectories(folder.resolve("memory"));
        Files.writeString(unified.resolve("cgroup.controllers"), "cpuset cpu io memory pids\n");
        Files.createDirectories(unified.resolve(GROUP));
        Files.createDirectories(memory.resolve(GROUP));
    }

    private GroupLimits limits(Map<String, Path> v1) throws Exception {
        // Devices are a program in v2, which plain folders don't take.
        Path devices = Files.createDirectories(folder.resolve("devices").resolve(GROUP));
        Map<String, Path> controllers = new java.util.HashMap<>(v1);
        controllers.put("devices", devices.getParent().getParent());
        GroupLimits limits = new GroupLimits(new CgroupLayout(Optional.of(unified), controllers), GROUP.toString());
        limits.set(1500, 1 << 20);
        limits.setTasks(99);
        return limits;
    }

    /** One v1 hierarchy, as old programs mount them, must not end all limits of v2. */
    @Test
    void eachControllerLimitsWhereItIs() throws Exception {
        GroupLimits limits = limits(Map.of("name=systemd", folder.resolve("systemd")));
        assertThat(unified.resolve(GROUP).resolve("cpu.max")).hasContent("150000 100000");
        assertThat(unified.resolve(GROUP).resolve("memory.max")).hasContent("1048576");
        assertThat(unified.resolve(GROUP).resolve("pids.max")).hasContent("99");
        assertThat(limits.memory()).isEqualTo(1 << 20);
    }

    /** The kernel takes no greater number. */
    @Test
    void moreTasksThanAMachineCanHaveAreNoLimit() throws Exception {
        GroupLimits limits = limits(Map.of());
        limits.setTasks(4194304);
        assertThat(unified.resolve(GROUP).resolve("pids.max")).hasContent("4194304");
        limits.setTasks(4194305);
        assertThat(unified.resolve(GROUP).resolve("pids.max")).hasContent("max");
    }

    @Test
    void whatIsMountedAsV1IsNotLookedForInV2() throws Exception {
        GroupLimits limits = limits(Map.of("memory", memory));
        assertThat(memory.resolve(GROUP).resolve("memory.limit_in_bytes")).hasContent("1048576");
        assertThat(unified.resolve(GROUP).resolve("memory.max")).doesNotExist();
        assertThat(unified.resolve(GROUP).resolve("cpu.max")).hasContent("150000 100000");
        assertThat(limits.memory()).isEqualTo(1 << 20);
    }

    @Test
    void whatIsNowhereIsKnown() throws Exception {
        Files.writeString(unified.resolve("cgroup.controllers"), "cpuset memory_hugetlb\n");
        CgroupLayout layout = new CgroupLayout(Optional.of(unified), Map.of("pids", folder));
        assertThat(layout.limits("cpu")).isFalse();
        assertThat(layout.limits("memory")).isFalse();
        assertThat(layout.limits("pids")).isTrue();
    }

    /** The v2 hierarchy passes on what limits there, by whole words. */
    @Test
    void controllersArePassedOnBesideAV1Hierarchy() throws Exception {
        Files.writeString(unified.resolve("cgroup.subtree_control"), "cpuset");
        new GroupFolders(new CgroupLayout(Optional.of(unified), Map.of("memory", memory, "pids", memory)), "ferry").create();
        assertThat(unified.resolve("cgroup.subtree_control")).hasContent("+cpu");
    }

    /** A hold that comes while a freeze is given up must not be thawed with it. */
    @Test
    void aFreezeThatIsGivenUpLooksForAHoldAndThawsInOne() throws Exception {
        Hold hold = new Hold();
        JobCgroup job = new JobCgroup(new CgroupLayout(Optional.of(unified), Map.of()), GROUP.toString(), hold);
        assertThatThrownBy(() -> job.freeze(Duration.ofMillis(1))).isInstanceOf(FerryException.class).hasMessageContaining("did not freeze");
        assertThat(hold.ordered).isTrue();
        assertThat(unified.resolve(GROUP).resolve("cgroup.freeze")).hasContent("0");
    }

    private static final class Hold implements JobCgroup.Hold {
        private boolean ordered;

        @Override
        public boolean isHeld() {
            ordered = Thread.holdsLock(this);
            return false;
        }
    }
}
