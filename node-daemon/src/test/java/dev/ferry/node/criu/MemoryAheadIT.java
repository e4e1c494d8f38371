package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.node.criu.TestingSandbox.Life;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.CopiedAddresses;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.look.CriuFile;
import dev.ferry.storage.object.FolderStore;
import dev.ferry.storage.plain.PlainImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real sandboxes, real CRIU: a job comes back into memory that was filled while it still ran. The job itself looks at each page of its memory. */
class MemoryAheadIT {
    private static final Path ENABLED = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

    private final CriuBinary criu = CriuBinary.find(null);
    private final BufferPool buffers = new BufferPool(16, Images.WINDOW_BYTES);
    private TestingSandbox sandboxes;
    private Images images;

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        sandboxes = new TestingSandbox(folder);
        images = new Images(new FolderStore(folder.resolve("store")));
        Assumptions.assumeTrue(Files.exists(ENABLED) && HugePages.areWanted(Files.readString(ENABLED)), "this kernel has no huge pages, or they are switched off");
    }

    @AfterEach
    void close() throws Exception {
        sandboxes.close();
    }

    /** Some pages are written meanwhile, some given back, some were never touched. */
    @Test
    void memoryThatIsAsItWasIsNotSentAgain() throws Exception {
        comesBack(sandboxes.prepare(sandboxes.python("changing.py"), "life-0"), 80 << 20, 128 << 20);
    }

    /** Criu has the child take from its parent what both have; that is filled for neither: of a job of many processes it would be there once for each. */
    @Test
    void whatAParentAndItsChildHaveInCommonIsMadeAsAlways() throws Exception {
        comesBack(sandboxes.prepare(sandboxes.python("changing.py", "family"), "life-0"), 80 << 20, 96 << 20);
    }

    private void comesBack(Life life, long least, long most) throws Exception {
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 2);
        dump(life, job, "j-test.1");
        life.cgroup().thaw(TestingSandbox.SOON);
        Files.createFile(life.folder().volume("work").resolve("give-back"));
        await().atMost(TestingSandbox.SOON).until(() -> TestingSandbox.log(life).contains("given back"));
        awaitSteps(life, TestingSandbox.log(life).size() + 2);
        Life next = sandboxes.copy(life, "life-1");
        try (ImageReader copied = images.read("j-test.1");
                CriuRestore restore = CriuRestore.startAhead(criu, "restore", next.spec(), next.cgroup(), next.folder(), next.plan(), copied, copiedProcesses(copied), () -> true).orElseThrow()) {
            assertThat(restore.bytesAhead()).isBetween(least, most);
            dump(life, job, "j-test.2");
            Files.write(next.folder().log(), Files.readAllBytes(life.folder().log()));
            job.kill(life.cgroup(), TestingSandbox.SOON);
            try (ImageReader image = images.read("j-test.2")) {
                restore.restores(image);
                long made = HugePagesIT.hugePagesMade();
                CriuRestore.Restored restored = restore.restore(TestingSandbox.SOON);
                job = restored.process();
                long memory = image.manifest().getFilesList().stream().filter(file -> file.getName().startsWith("pages-")).mapToLong(StoredFile::getSize).sum();
                assertThat(restored.bytes()).isLessThan(memory - least / 2);
                assertThat(HugePagesIT.hugePagesMade() - made).as("what was written anew as a whole comes into new huge pages, not into copies of what was filled, page by page").isGreaterThanOrEqualTo(5);
            }
        }
        awaitSteps(next, TestingSandbox.log(next).size() + 3);
        job.kill(next.cgroup(), TestingSandbox.SOON);
    }

    private void dump(Life life, JobProcess job, String image) throws Exception {
        life.cgroup().freeze(TestingSandbox.SOON);
        try (ImageWriter writer = images.write(image, Optional.empty(), buffers)) {
            TestingSandbox.dump(criu, image, job, life, writer);
            Image ignored = writer.commit(Image.newBuilder().setId(image).setJob("j-test").build(), Duration.ofSeconds(30));
        }
    }

    /** What a copy of the running processes would have been. */
    private static List<CopiedProcess> copiedProcesses(ImageReader image) throws IOException {
        List<CopiedProcess> processes = new ArrayList<>();
        for (StoredFile file : image.manifest().getFilesList()) {
            if (!file.getName().startsWith("pagemap-") || file.getName().startsWith("pagemap-shmem")) {
                continue;
            }
            String pid = file.getName().substring(8, file.getName().length() - 4);
            CriuFile pagemap = CriuFile.parse(file.getName(), new PlainImage(image).read(file.getName()));
            CopiedAddresses.Builder addresses = CopiedAddresses.newBuilder();
            pagemap.entries().stream().skip(1).forEach(run -> addresses.addRuns(run.number(1)).addRuns(4096 * (run.has(5) ? run.number(5) : run.number(2))));
            for (ProcessMappings.Placed one : ProcessMappings.of(new PlainImage(image).read("mm-" + pid + ".img")).all()) {
                if (one.mapping().isPlain()) {
                    addresses.addMappings(one.mapping().start()).addMappings(one.mapping().end());
                }
            }
            StoredFile pages = image.file("pages-" + pagemap.entries().getFirst().number(1) + ".img").orElse(StoredFile.getDefaultInstance());
            processes.add(new CopiedProcess(Integer.parseInt(pid), addresses.build(), pages.getChunks()));
        }
        return processes;
    }

    private static void awaitSteps(Life life, int steps) {
        await().atMost(TestingSandbox.SOON).until(() -> TestingSandbox.log(life).size() >= steps);
    }
}
