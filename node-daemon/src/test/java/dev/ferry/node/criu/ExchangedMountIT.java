package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.TestingSandbox.Life;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.MountList;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is mounted is what was judged, or nothing runs: whoever may write above a mount's source may exchange it at any moment. */
class ExchangedMountIT {
    private final CriuBinary criu = CriuBinary.find(null);
    private TestingSandbox sandboxes;
    private Path projects;
    private Path data;
    private Path secret;

    /** What a user does with his own folder between the look and the mount. */
    enum Trick {
        SYMLINK {
            @Override
            void play(Path data, Path secret) throws IOException {
                Files.createSymbolicLink(data, secret);
            }
        },
        OTHER_FOLDER {
            @Override
            void play(Path data, Path secret) throws IOException {
                Files.createDirectory(data);
            }
        },
        SYMLINK_ABOVE {
            @Override
            void play(Path data, Path secret) throws IOException {
                Files.createDirectories(secret.resolve("data"));
                Files.move(data.getParent(), data.getParent().resolveSibling("moved"));
                Files.createSymbolicLink(data.getParent(), secret);
            }
        };

        abstract void play(Path data, Path secret) throws IOException;
    }

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        Path real = folder.toRealPath();
        sandboxes = new TestingSandbox(real);
        sandboxes.letUsersIn();
        projects = Files.createDirectories(real.resolve("projects"));
        data = Files.createDirectory(projects.resolve("data"));
        secret = Files.createDirectory(real.resolve("secret"));
        Files.writeString(secret.resolve("key"), "of another");
    }

    @AfterEach
    void close() throws Exception {
        sandboxes.close();
    }

    private static Mount mount(Path source, String destination, boolean readOnly) {
        return Mount.newBuilder().setSource(source.toString()).setDestination(destination).setReadOnly(readOnly).build();
    }

    private JobSpec counter(int user, Mount... mounts) {
        return sandboxes.python("counter.py").toBuilder().setUid(user).setGid(user).addAllMounts(List.of(mounts)).build();
    }

    private static void refused(ThrowingCallable mounting) {
        assertThatThrownBy(mounting)
                .isInstanceOfSatisfying(FerryException.class, failure -> assertThat(failure.code()).as(failure.detail().toString()).isEqualTo(ErrorCode.MOUNT_REFUSED))
                .hasMessageContaining("the mount /mounted");
    }

    /** Lets all lie where it was before {@link #exchange}. */
    private void undo() throws IOException {
        if (Files.isSymbolicLink(projects)) {
            Files.delete(projects);
            Files.move(projects.resolveSibling("moved"), projects);
        } else {
            Files.delete(data);
        }
        Files.move(projects.resolve("away"), data);
    }

    private void exchange(Trick trick) throws IOException {
        Files.move(data, projects.resolve("away"));
        trick.play(data, secret);
    }

    @ParameterizedTest
    @EnumSource
    void aRestoreWhoseMountWasExchangedRunsNothingAndTheNextOneGoesWell(Trick trick) throws Exception {
        Life life = sandboxes.prepare(counter(0, mount(data, "/mounted", false)), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        TestingImage image = dumped(job, life);
        Life next = sandboxes.copy(life, "life-1");
        job.kill(life.cgroup(), TestingSandbox.SOON);
        List<String> before = TestingSandbox.log(next);
        try (CriuRestore restore = CriuRestore.start(criu, "restore-1", next.spec(), next.cgroup(), next.folder(), next.plan(), image.reader())) {
            exchange(trick);
            refused(() -> restore.restore(TestingSandbox.SOON));
        }
        assertThat(next.cgroup().processes()).isEmpty();
        assertThat(TestingSandbox.log(next)).isEqualTo(before);
        undo();
        JobProcess again = TestingSandbox.restore(criu, "restore-2", next, image);
        awaitSteps(next, before.size() + 3);
        again.kill(next.cgroup(), TestingSandbox.SOON);
    }

    /** As if it had been moved to the place of the mount, which went with the folder that was there. */
    @Test
    void theFolderItselfAtTheMountsPlaceIsNotTheMount(@TempDir Path folder) throws Exception {
        NativeHelper.install(folder.resolve("ferry-init"));
        RootPlan plan = RootPlan.of(counter(0, mount(data, "/data", false)), new JobFolder(folder.resolve("job")), List.of());
        Path list = MountList.write(folder, plan, List.of()).orElseThrow();
        ToolProcess compared = ToolProcess.start(List.of(folder.resolve("ferry-init").toString(), "mounts", list.toString(), projects.toString()), folder, folder.resolve("said"), Map.of());
        assertThat(compared.await(TestingSandbox.SOON)).isOne();
        assertThat(compared.outputLines()).containsExactly("Error (ferry-mounts): the mount /data is not what was judged");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1234})
    void aStartWhoseMountWasExchangedRunsNothingAndTheNextOneGoesWell(int user) throws Exception {
        Life life = sandboxes.prepare(counter(user, mount(data, "/mounted", true)), "life-0");
        exchange(Trick.SYMLINK);
        refused(() -> sandboxes.start(life));
        assertThat(life.cgroup().processes()).isEmpty();
        assertThat(TestingSandbox.log(life)).isEmpty();
        undo();
        Life next = sandboxes.prepare(life.spec(), "life-1");
        JobProcess job = sandboxes.start(next);
        awaitSteps(next, 3);
        job.kill(next.cgroup(), TestingSandbox.SOON);
    }

    /** Folders and files, read-only and not, of other file systems, in volumes, and in each other; also where the sources are made anew in the namespace, as for other users. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1234})
    void mountsOfAllShapesComeBack(int user) throws Exception {
        Path memory = Files.createTempDirectory(Path.of("/dev/shm"), "ferrytest");
        try {
            Files.setAttribute(memory, "unix:mode", 0755);
            Path file = Files.writeString(data.resolve("a file"), "text");
            Files.createDirectory(data.resolve("inner"));
            Path link = Files.createSymbolicLink(projects.resolve("link"), data);
            JobSpec spec =
                    counter(
                            user, mount(data, "/mounted", false), mount(memory, "/mounted/inner", true), mount(file, "/some file", true), mount(file, "/tmp/below/file", false), mount(link, "/linked", true),
                            mount(Path.of("/usr/share"), "/usr/share", true));
            Life life = sandboxes.prepare(spec, "life-0");
            assertThat(life.plan().outside()).extracting(outside -> outside.bind().destination()).containsExactlyInAnyOrder("/mounted", "/mounted/inner", "/some file", "/tmp/below/file", "/linked", "/usr/share");
            JobProcess job = sandboxes.start(life);
            awaitSteps(life, 3);
            TestingImage image = dumped(job, life);
            Life next = sandboxes.copy(life, "life-1");
            job.kill(life.cgroup(), TestingSandbox.SOON);
            JobProcess again = TestingSandbox.restore(criu, "restore", next, image);
            awaitSteps(next, TestingSandbox.log(life).size() + 3);
            List<String> log = TestingSandbox.log(next);
            assertThat(log).isEqualTo(IntStream.range(0, log.size()).mapToObj(step -> "step " + step).toList());
            again.kill(next.cgroup(), TestingSandbox.SOON);
        } finally {
            Files.delete(memory);
        }
    }

    /** The folders of a job's own root are mounted one by one. */
    @Test
    void aFolderOfTheRootFileSystemIsComparedToo() throws Exception {
        Path base = Files.createDirectories(projects.resolve("root"));
        Path mounted = Files.createDirectory(base.resolve("mounted"));
        Life life = sandboxes.prepare(counter(0).toBuilder().setRootfs(base.toString()).build(), "life-0");
        assertThat(life.plan().outside()).extracting(RootPlan.Outside::bind).containsExactly(new RootPlan.Bind(mounted, "/mounted", true));
        Files.delete(mounted);
        Files.createSymbolicLink(mounted, secret);
        refused(() -> sandboxes.start(life));
    }

    private TestingImage dumped(JobProcess job, Life life) throws Exception {
        TestingImage image = new TestingImage();
        life.cgroup().freeze(TestingSandbox.SOON);
        TestingSandbox.dump(criu, "dump", job, life, image);
        return image;
    }

    private static void awaitSteps(Life life, int count) {
        await().atMost(TestingSandbox.SOON).until(() -> TestingSandbox.log(life).size() >= count);
    }
}
