package dev.ferry.storage.plain;

import static dev.ferry.storage.look.CriuFiles.file;
import static dev.ferry.storage.look.CriuFiles.inventory;
import static dev.ferry.storage.look.CriuFiles.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import dev.ferry.storage.image.ImageFile;
import dev.ferry.storage.look.CriuFile;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders that are put together as criu dump leaves them; the true ones are in CriuDumpIT. */
class PlainDumpTest {
    private static final int PAGE = 4096;
    private static final long RIGHTS = 0xa00425fbL;
    private static final ByteString NAMESPACES = message(5, 1L, 6, 2L, 9, 6L);
    /** Threads and processes of the test. */
    private static final int MAIN = 4000;

    private static final int THREAD = 4002;
    private static final int ENDED = 4010;

    @TempDir Path folder;
    @TempDir Path work;

    private void write(String name, byte[] content) throws IOException {
        Files.write(folder.resolve(name), content);
    }

    private void inventoryWith(Object... more) throws IOException {
        Object[] all = Stream.concat(Stream.of(1, 2L, 3, NAMESPACES, 12, ByteString.EMPTY), Stream.of(more)).toArray();
        write("inventory.img", inventory(message(all)));
    }

    private static ByteString regular(long id, long flags, String path) {
        return message(1, 1L, 2, id, 3, message(1, id, 2, flags, 3, 0L, 6, path));
    }

    private static ByteString core(ByteString task, Object... thread) {
        return message(1, 1L, 3, task, 5, message(thread));
    }

    private static ByteString credentials() {
        return message(1, 0L, 9, 5L, 9, 5L, 10, 0xffffffffL, 10, 511L, 11, 0xffffffffL, 11, 511L, 12, 0xffffffffL, 12, 511L, 14, 27L, 19, 5L, 19, 5L);
    }

    /** One process of two threads, with a child that has ended, whose threads CRIU does not know. */
    @BeforeEach
    void dumpIsMade() throws IOException {
        inventoryWith();
        write("pstree.img", file(message(1, (long) MAIN, 2, 0L, 3, (long) MAIN, 4, (long) MAIN, 5, (long) MAIN, 5, (long) THREAD), message(1, (long) ENDED, 2, (long) MAIN, 3, (long) MAIN, 4, (long) MAIN, 5, 2933267392L)));
        write("core-4000.img", file(core(message(1, 1L, 6, "my prog", 14, -500L), 3, 9L, 4, 1L, 5, 50L, 8, 9L, 10, credentials())));
        write("core-4002.img", file(core(message(1, 1L), 3, 10L, 10, credentials(), 11, 2L, 12, 0L)));
        write("core-4010.img", file(message(1, 1L, 3, message(1, 6L))));
        write("ids-4000.img", file(NAMESPACES));
        write("fs-4000.img", file(message(1, 3L, 2, 4L)));
        write("mm-4000.img", file(message(12, 1L)));
        write("pagemap-4000.img", file(message(1, 1L), message(1, 0x1000L, 2, 0L, 4, 6L, 5, 30L)));
        byte[] pages = new byte[30 * PAGE];
        new Random(1).nextBytes(pages);
        write("pages-1.img", pages);
        write("seccomp.img", file(message(1, message(1, ByteString.copyFromUtf8("its own!")))));
        write("timens-0.img", file(message(1, message(1, 100L, 2, 5L), 2, message(1, 200L, 2, 6L))));
        filesWith();
        write("dump.log", new byte[10]);
    }

    private void filesWith(ByteString... more) throws IOException {
        Stream<ByteString> usual = Stream.of(regular(1, 0, "/usr/bin/prog"), regular(2, 01, "/home/me/out.log"), regular(3, 0, "/home/me"), regular(4, 0, "/"), regular(5, 2, "/dev/null"));
        write("files.img", file(Stream.concat(usual, Stream.of(more)).toArray(ByteString[]::new)));
    }

    private static JobSpec inHome() {
        return JobSpec.newBuilder().setWorkdir("/home/me").build();
    }

    private ImageFile imported(JobSpec spec) throws Exception {
        ByteArrayOutputStream image = new ByteArrayOutputStream();
        PlainFolder.open(folder).prepare(spec, work).to(image);
        return ImageFile.open(new ByteArrayInputStream(image.toByteArray()), "of the test", Long.MAX_VALUE);
    }

    private void refused(JobSpec spec, String... words) {
        assertThatThrownBy(() -> imported(spec)).isInstanceOf(FerryException.class).hasMessageContainingAll(words).satisfies(error -> assertThat(((FerryException) error).code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
        assertThat(work).as("nothing is stored").isEmptyDirectory();
    }

    @Test
    void aDumpBecomesTheImageOfAJob() throws Exception {
        ImageFile image = imported(inHome());
        Image facts = image.manifest().getImage();
        assertThat(facts.getPlainDump()).isTrue();
        assertThat(facts.getJob()).isEmpty();
        assertThat(facts.getMemoryBytes()).isEqualTo(30 * PAGE);
        assertThat(facts.getRequirements().getArchitecture()).isEqualTo("amd64");
        assertThat(image.manifest().getSpec().getName()).isEqualTo("my-prog");
        assertThat(image.manifest().getSpec().getCommandList()).containsExactly("/usr/bin/prog");
        assertThat(image.manifest().getFilesList()).extracting(file -> file.getName()).contains("inventory.img", "pages-1.img").doesNotContain("dump.log");
        PlainDump dump = PlainDump.read(PlainFolder.open(folder));
        assertThat(dump.rootPid()).isEqualTo(MAIN);
        assertThat(dump.greatestId()).isEqualTo(ENDED);
        assertThat(dump.clocks()).contains(new PlainDump.Clocks(Duration.ofSeconds(100, 5), Duration.ofSeconds(200, 6)));
    }

    @Test
    void aDumpThatIsNotWholeIsRefused() throws Exception {
        write("pages-1.img", new byte[29 * PAGE]);
        refused(inHome(), "pages-1.img has " + 29 * PAGE + " bytes", "cut off");
        Files.delete(folder.resolve("pages-1.img"));
        refused(inHome(), "pages-1.img is missing");
        Files.delete(folder.resolve("core-4002.img"));
        refused(inHome(), "core-4002.img is missing");
        write("files.img", new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
        refused(inHome(), "files.img is not as CRIU writes it");
        Files.delete(folder.resolve("pstree.img"));
        refused(inHome(), "pstree.img is missing");
        Files.delete(folder.resolve("inventory.img"));
        refused(inHome(), "no inventory.img", "not finished");
    }

    @Test
    void memoryThatIsElsewhereIsRefused() throws Exception {
        write("pagemap-4000.img", file(message(1, 1L), message(1, 0x1000L, 4, 1L, 5, 1L)));
        refused(inHome(), "memory of pagemap-4000.img is in another dump", "--prev-images-dir");
        write("pagemap-4000.img", file(message(1, 1L), message(1, 0x1000L, 4, 2L, 5, 1L)));
        refused(inHome(), "--lazy-pages");
        inventoryWith(9, 1L);
        refused(inHome(), "pre-dump");
        inventoryWith();
        Files.createSymbolicLink(folder.resolve("parent"), folder);
        refused(inHome(), "--prev-images-dir");
    }

    @Test
    void whatNoSandboxHasIsRefusedAllAtOnce() throws Exception {
        write("ids-4000.img", file(message(5, 1L, 6, 3L, 9, 7L)));
        write("tcp-stream-5.img", new byte[0]);
        inventoryWith(12, ByteString.copyFromUtf8("\n\4cuda"));
        filesWith(
                message(1, 11L, 2, 6L),
                message(1, 16L, 2, 7L),
                message(1, 4L, 2, 8L, 4, message(3, 2L, 4, 1L, 5, 6L, 6, 1L, 7, 8080L, 11, 0x0100007fL, 12, 0x0100007fL)),
                message(1, 4L, 2, 9L, 4, message(3, 2L, 4, 2L, 5, 17L, 6, 7L, 7, 53L, 11, 0x0200000aL)),
                message(1, 5L, 2, 10L, 16, message(6, 1L)));
        refused(
                inHome(),
                "a network namespace of its own", "a mount namespace of its own", "TCP connections", "plugins", "a terminal", "something external", "a TCP connection (port 8080)", "only loopback", "a unix socket of another program");
    }

    @Test
    void connectionsThatShallBeClosedAreNoHindrance() throws Exception {
        inventoryWith(10, 1L);
        filesWith(message(1, 4L, 2, 8L, 4, message(3, 2L, 4, 1L, 5, 6L, 6, 1L, 7, 8080L, 11, 0x0200000aL)));
        assertThat(imported(inHome()).manifest().getFilesCount()).isPositive();
        assertThat(PlainDump.read(PlainFolder.open(folder)).closesConnections()).isTrue();
    }

    @Test
    void processesOfAShellAndSmallIdsAreRefused() throws Exception {
        write("pstree.img", file(message(1, (long) MAIN, 2, 0L, 3, (long) MAIN, 4, 17L, 5, (long) MAIN, 5, (long) THREAD)));
        refused(inHome(), "process 4000 does not lead a session", "setsid", "session 17", "up from 300");
    }

    @Test
    void filesMustHaveAPlaceInTheSandbox() throws Exception {
        refused(JobSpec.getDefaultInstance(), "/home/me/out.log open for writing", "--workdir or --mount");
        JobSpec readOnly = JobSpec.newBuilder().addMounts(Mount.newBuilder().setSource("/home/me").setDestination("/home/me").setReadOnly(true)).build();
        refused(readOnly, "/home/me/out.log is open for writing, and its mount is read-only");
        filesWith(regular(6, 0, "/tmp/in.txt"), regular(7, 0, "/dev/nvidia0"), regular(8, 0, "/tmp"), regular(9, 0, "/etc/passwd"));
        refused(inHome(), "/tmp/in.txt open", "/dev/nvidia0");
        filesWith(regular(6, 2, "/tmp/removed"), regular(7, 2, "/var/removed"));
        write("remap-fpath.img", file(message(1, 6L, 2, 1L, 3, 1L), message(1, 7L, 2, 2L, 3, 1L)));
        assertThatThrownBy(() -> imported(inHome())).hasMessageContaining("/var/removed open without a name").hasMessageNotContaining("/tmp/removed");
        filesWith();
        refused(JobSpec.newBuilder().addMounts(Mount.newBuilder().setSource("/home/me").setDestination("home")).build(), "/home/me/out.log open for writing");
        JobSpec overPrograms = JobSpec.newBuilder().setWorkdir("/home/me").addMounts(Mount.newBuilder().setSource("/home/other").setDestination("/usr/lib")).build();
        refused(overPrograms, "nothing may be mounted at /usr/lib");
        assertThat(imported(JobSpec.newBuilder().setWorkdir("/home/me/").build()).manifest().getFilesCount()).isPositive();
    }

    private static CriuFile.Entry entry(String name, byte[] content) {
        return CriuFile.parse(name, content).entries().getFirst();
    }

    @Test
    void rightsAreThoseOfAJob() throws Exception {
        PlainDump dump = PlainDump.read(PlainFolder.open(folder));
        byte[] filter = {1, 2, 3, 4, 5, 6, 7, 8};
        Map<String, byte[]> bounded = PlainRights.bounded(dump, RIGHTS, List.of(new PlainRights.Filter(0, filter), new PlainRights.Filter(4, filter)));
        assertThat(bounded).containsOnlyKeys("core-4000.img", "core-4002.img", "seccomp.img");
        CriuFile.Entry main = entry("core-4000.img", bounded.get("core-4000.img"));
        assertThat(main.message(3).number(14)).as("oom_score_adj").isZero();
        CriuFile.Entry thread = main.message(5);
        assertThat(List.of(thread.number(3), thread.number(4), thread.number(5))).as("nice, policy, priority").containsExactly(0L, 0L, 0L);
        assertThat(thread.has(8)).as("it is not told of criu's end").isFalse();
        assertThat(List.of(thread.number(11), thread.number(12))).as("filter mode, last filter of the job").containsExactly(2L, 2L);
        CriuFile.Entry rights = thread.message(10);
        for (int set : List.of(10, 11, 12)) {
            assertThat(rights.numbers(set)).as("set %s", set).containsExactly(RIGHTS, 0L);
        }
        assertThat(rights.numbers(9)).containsExactly(0L, 0L);
        assertThat(rights.numbers(19)).containsExactly(0L, 0L);
        assertThat(rights.number(18)).as("no_new_privs").isEqualTo(1);
        assertThat(rights.numbers(14)).as("groups stay").containsExactly(27L);
        CriuFile.Entry own = entry("core-4002.img", bounded.get("core-4002.img")).message(5);
        assertThat(List.of(own.number(3), own.number(11), own.number(12))).as("a positive nice value and its own filter stay").containsExactly(10L, 2L, 0L);
        List<CriuFile.Entry> filters = entry("seccomp.img", bounded.get("seccomp.img")).messages(1);
        assertThat(filters).hasSize(3);
        assertThat(filters.get(0).number(2)).as("its own comes after the job's").isEqualTo(2);
        assertThat(filters.get(1).has(2)).as("the job's first comes after none").isFalse();
        assertThat(filters.get(2).number(2)).isEqualTo(1);
        assertThat(filters.get(2).number(3)).as("flags").isEqualTo(4);
        assertThat(filters.get(2).bytes(1).toByteArray()).isEqualTo(filter);
    }

    /** What criu would take rights from instead of where they are bounded. */
    @Test
    void rightsThatAreElsewhereAreRefused() throws Exception {
        write("creds-4000.img", file(credentials()));
        refused(inHome(), "creds-*.img");
        Files.delete(folder.resolve("creds-4000.img"));
        write("core-4002.img", file(core(message(1, 1L), 3, 10L)));
        refused(inHome(), "core-4002.img does not say which rights");
        write("core-4002.img", file(core(message(1, 1L), 10, credentials())));
        refused(JobSpec.newBuilder().setWorkdir("/home/me").setUid(1000).build(), "no user and no root file system");
        refused(JobSpec.newBuilder().setWorkdir("/home/me").setRootfs("/srv/root").build(), "no user and no root file system");
        write("pstree.img", file(message(1, (long) MAIN, 2, 0L, 3, (long) MAIN, 4, (long) MAIN, 5, (long) THREAD)));
        refused(inHome(), "process 4000 is not among its threads");
    }

    @Test
    void filtersCanNotBeSwitchedOff() throws Exception {
        write("core-4000.img", file(core(message(1, 1L, 6, "my prog", 11, 0L, 12, 0L), 10, credentials())));
        // It names a filter that the dump does not have: the first of the job's, which is not all of them.
        write("core-4002.img", file(core(message(1, 1L), 10, credentials(), 11, 2L, 12, 1L)));
        write("seccomp.img", file(message(1, message(1, ByteString.copyFromUtf8("its own!"), 2, 1L))));
        byte[] filter = {1, 2, 3, 4, 5, 6, 7, 8};
        Map<String, byte[]> bounded = PlainRights.bounded(PlainDump.read(PlainFolder.open(folder)), RIGHTS, List.of(new PlainRights.Filter(0, filter), new PlainRights.Filter(0, filter)));
        CriuFile.Entry task = entry("core-4000.img", bounded.get("core-4000.img")).message(3);
        assertThat(task.has(11) || task.has(12)).as("as an older criu wrote it").isFalse();
        assertThat(entry("core-4002.img", bounded.get("core-4002.img")).message(5).number(12)).isEqualTo(2);
        assertThat(entry("seccomp.img", bounded.get("seccomp.img")).messages(1).getFirst().number(2)).isEqualTo(2);
    }

    @Test
    void theIdsOfAllProcessesAreKnown() throws Exception {
        assertThat(PlainDump.read(PlainFolder.open(folder)).ids()).containsExactlyInAnyOrder(0, 27);
    }

    @Test
    void noFilterIsMadeWhereAJobHasNone() throws Exception {
        Map<String, byte[]> bounded = PlainRights.bounded(PlainDump.read(PlainFolder.open(folder)), RIGHTS, List.of());
        assertThat(bounded).doesNotContainKey("seccomp.img");
        assertThat(entry("core-4000.img", bounded.get("core-4000.img")).message(5).has(11)).isFalse();
    }
}
