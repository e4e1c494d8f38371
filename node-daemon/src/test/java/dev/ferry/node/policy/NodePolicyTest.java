package dev.ferry.node.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.Configs;
import dev.ferry.common.FerryException;
import dev.ferry.node.NodeConfig;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a job may not have, by whatever path it asks for it. */
class NodePolicyTest {
    @TempDir Path folder;
    private Path data;
    private Path projects;

    @BeforeEach
    void folders() throws IOException {
        folder = folder.toRealPath();
        data = Files.createDirectories(folder.resolve("var/ferry"));
        projects = Files.createDirectories(folder.resolve("projects/ada"));
    }

    private NodePolicy policy(String yaml) {
        return new NodePolicy(Configs.parse("name: n\npolicy: {" + yaml + "}\n", "the test", NodeConfig.defaults()).policy(), List.of(data));
    }

    private static JobSpec mounting(String source, boolean readOnly) {
        return JobSpec.newBuilder().addMounts(Mount.newBuilder().setSource(source).setDestination("/m").setReadOnly(readOnly)).build();
    }

    private static void refuses(NodePolicy policy, JobSpec spec, String... words) {
        assertThatThrownBy(() -> policy.check(spec))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.POLICY_REFUSED))
                .hasMessageContainingAll(words);
    }

    private static void takes(NodePolicy policy, JobSpec spec) {
        assertThatCode(() -> policy.check(spec)).doesNotThrowAnyException();
    }

    @Test
    void theKernelsAndTheDaemonsOwnAreNeverMounted() throws IOException {
        NodePolicy open = NodePolicy.hiding(List.of(data));
        for (String source : List.of("/proc", "/proc/sys", "/sys/fs", "/dev", "/run", "/")) {
            refuses(open, mounting(source, true), source);
        }
        refuses(open, mounting(data.toString(), true), data.toString());
        refuses(open, mounting(Files.createDirectory(data.resolve("jobs")).toString(), true), data.toString());
        refuses(open, mounting(data.getParent().toString(), true), "holds " + data);
        takes(open, mounting(projects.toString(), false));
    }

    @Test
    void aSymlinkIsJudgedByWhereItLeads() throws IOException {
        NodePolicy policy = policy("allowedMounts: [" + folder.resolve("projects") + "]");
        Path toEtc = Files.createSymbolicLink(projects.resolve("etc"), Path.of("/etc"));
        Path toProc = Files.createSymbolicLink(projects.resolve("root"), Path.of("/proc/self/root"));
        Path toData = Files.createSymbolicLink(projects.resolve("data"), data);
        Path within = Files.createSymbolicLink(projects.resolve("again"), projects);
        refuses(policy, mounting(toEtc.toString(), true), toEtc.toString(), "which is /etc");
        refuses(policy, mounting(toProc.toString(), true), "which is /");
        refuses(policy, mounting(toData.toString(), true), data.toString());
        refuses(policy, mounting(toEtc.resolve("hosts").toString(), true), "which is /etc/hosts");
        takes(policy, mounting(within.toString(), false));
    }

    /** A symlink may lead elsewhere after the first look: what the plan has found counts. */
    @Test
    void whatIsMountedIsJudgedAsItWasFound() throws IOException {
        NodePolicy policy = policy("allowedMounts: [" + folder.resolve("projects") + "], readOnlyMounts: [" + projects + "]");
        Path other = Files.createDirectories(folder.resolve("projects/bob"));
        Path link = Files.createSymbolicLink(folder.resolve("projects/link"), other);
        JobSpec spec = mounting(link.toString(), false);
        takes(policy, spec);
        policy.check(plan(spec));
        for (Path elsewhere : List.of(projects, Path.of("/usr"), data)) {
            Files.delete(link);
            Files.createSymbolicLink(link, elsewhere);
            RootPlan plan = plan(spec);
            assertThatThrownBy(() -> policy.check(plan))
                    .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.POLICY_REFUSED))
                    .hasMessageContaining(elsewhere.toString());
        }
    }

    private RootPlan plan(JobSpec spec) throws IOException {
        return RootPlan.of(spec, new JobFolder(folder.resolve("job")), List.of());
    }

    @Test
    void pathsThatGoUpAreRefused() {
        NodePolicy policy = policy("allowedMounts: [" + folder.resolve("projects") + "]");
        refuses(policy, mounting(projects + "/../../../etc", true), "without '.' and '..'");
        refuses(policy, mounting(projects + "/.", true), "without '.' and '..'");
        refuses(policy, mounting("projects", true), "absolute");
        assertThatThrownBy(() -> policy.check(mounting(projects + "/\0x", true))).isInstanceOf(FerryException.class);
        assertThatThrownBy(() -> policy.check(mounting(projects + "/none", true))).isInstanceOf(FerryException.class).hasMessageContaining("does not exist");
    }

    @Test
    void onlyWhatIsAllowedIsMountedOrWorkedIn() {
        NodePolicy policy = policy("allowedMounts: [" + folder.resolve("projects") + "]");
        takes(policy, mounting(projects.toString(), false));
        refuses(policy, mounting(folder.toString(), true), "holds");
        refuses(policy, mounting("/usr", true), "lies in none of");
        refuses(policy, JobSpec.newBuilder().setWorkdir("/tmp").build(), "--workdir /tmp");
        refuses(policy, JobSpec.newBuilder().setRootfs("/usr").build(), "--rootfs /usr");
        takes(policy, JobSpec.newBuilder().setWorkdir(projects.toString()).build());
    }

    @Test
    void foldersOfTheSystemAreMountedReadOnlyByDefaultAndRootsHomeNotAtAll() {
        NodePolicy policy = new NodePolicy(PolicyConfig.defaults(), List.of(data));
        takes(policy, mounting("/usr/share", true));
        refuses(policy, mounting("/usr/share", false), "/usr", "read-only");
        refuses(policy, mounting("/bin", false), "read-only");
        refuses(policy, mounting("/etc/ssl", false), "read-only");
        refuses(policy, mounting("/var/tmp", false), "read-only");
        // What is hidden in the node's root is not shown by a mount either.
        refuses(policy, mounting("/etc", true), "/etc/ferry", "denied");
        refuses(policy, mounting("/root", true), "/root", "denied");
        assertThat(policy.hidden()).contains(data, Path.of("/etc/ferry"), Path.of("/root"));
    }

    @Test
    void itIsKnownWhichFilesOfTheNodeJobsSee() throws IOException {
        NodePolicy usual = new NodePolicy(PolicyConfig.defaults(), List.of(data));
        assertThat(usual.shows(Path.of("/etc/store.key"))).isTrue();
        assertThat(usual.shows(Path.of("/etc/ferry/store.key"))).isFalse();
        assertThat(usual.shows(Path.of("/run/secrets/store.key"))).isFalse();
        assertThat(policy("nodeRoot: false").shows(Path.of("/etc/store.key"))).isFalse();
        // A link is what it leads to.
        assertThat(usual.shows(Files.createSymbolicLink(data.resolve("key"), Path.of("/etc/passwd")))).isTrue();
    }

    @Test
    void usersRootsAndGpusAreLimited() {
        NodePolicy policy = policy("users: [\"1000-60000\", \"33\"], nodeRoot: false, gpus: false");
        JobSpec.Builder job = JobSpec.newBuilder().setUid(1000).setGid(33).setRootfs(projects.toString());
        takes(policy, job.build());
        refuses(policy, job.clone().setUid(0).build(), "user 0", "1000-60000");
        refuses(policy, job.clone().setGid(0).build(), "group 0");
        refuses(policy, job.clone().setUid(-1).build(), "user 4294967295");
        refuses(policy, job.clone().clearRootfs().build(), "--rootfs");
        refuses(policy, job.clone().setGpus(1).build(), "GPU");
    }

    @Test
    void whatIsWrongWithAPolicyIsNamed() throws IOException {
        assertThatThrownBy(() -> policy("allowedMounts: [tmp], users: [root], hidden: [x]"))
                .hasMessageContainingAll("policy.allowedMounts", "policy.users", "policy.hidden");
        Path file = Files.createFile(folder.resolve("key"));
        assertThatThrownBy(() -> policy("hidden: [" + projects + ", " + file + "]"))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.CONFIG_INVALID))
                .hasMessageContainingAll("policy.hidden: '" + file, "only folders can be hidden")
                .hasMessageNotContaining(projects.toString());
        assertThatThrownBy(() -> policy("users: []")).hasMessageContaining("policy.users");
        assertThatThrownBy(() -> policy("tasks: 0")).hasMessageContaining("policy.tasks");
    }
}
