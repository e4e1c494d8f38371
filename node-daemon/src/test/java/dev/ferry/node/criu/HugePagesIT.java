package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.node.criu.TestingSandbox.Life;
import dev.ferry.node.sandbox.JobProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real sandboxes, real CRIU, an image in memory. */
class HugePagesIT {
    private static final Path ENABLED = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

    private final CriuBinary criu = CriuBinary.find(null);
    private TestingSandbox sandboxes;

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        sandboxes = new TestingSandbox(folder);
        boolean has = Files.exists(ENABLED) && HugePages.areWanted(Files.readString(ENABLED));
        Assumptions.assumeTrue(has, "this kernel has no huge pages, or they are switched off");
    }

    @AfterEach
    void close() throws Exception {
        sandboxes.close();
    }

    /** The job itself looks at each page of its memory. What it has not touched stays so: huge pages must not take memory that the job did not have. */
    @Test
    void whatIsFilledAsAWholeComesBackInHugePagesAndNothingElse() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("pieces.py"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 2);
        for (int move = 1; move <= 2; move++) {
            TestingImage image = new TestingImage();
            life.cgroup().freeze(TestingSandbox.SOON);
            long before = anonymous(life);
            TestingSandbox.dump(criu, "dump-" + move, job, life, image);
            Life next = sandboxes.copy(life, "life-" + move);
            job.kill(life.cgroup(), TestingSandbox.SOON);
            long made = hugePagesMade();
            job = TestingSandbox.restore(criu, "restore-" + move, next, image);
            // 96 MiB less the gaps: 39 and 23 MiB lie in one piece each.
            assertThat(hugePagesMade() - made).isGreaterThanOrEqualTo(28);
            assertThat(anonymous(next)).isLessThan(before + (1 << 20));
            // And they still were at their place.
            assertThat(hugeBytes(next)).isGreaterThanOrEqualTo(28 * (2L << 20));
            awaitSteps(next, TestingSandbox.log(next).size() + 2);
            life = next;
        }
        job.kill(life.cgroup(), TestingSandbox.SOON);
    }

    /** Each process is restored by a process of criu's that its parent's has made. */
    @Test
    void eachProcessOfAFamilyGetsItsOwnAndWhoWantsNoneGetsNone() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("pieces.py", "family"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 2);
        TestingImage image = new TestingImage();
        life.cgroup().freeze(TestingSandbox.SOON);
        TestingSandbox.dump(criu, "dump", job, life, image);
        Life next = sandboxes.copy(life, "life-1");
        job.kill(life.cgroup(), TestingSandbox.SOON);
        job = TestingSandbox.restore(criu, "restore", next, image);
        List<Long> huge = new ArrayList<>();
        for (int pid : next.cgroup().processes()) {
            huge.add(ofProcess(pid, "smaps_rollup", "AnonHugePages:"));
        }
        Collections.sort(huge);
        // ferry-init, who wants none, the parent, the child.
        assertThat(huge).hasSize(4);
        assertThat(huge.subList(0, 2)).containsOnly(0L);
        assertThat(huge.get(2)).isBetween(3 * (2L << 20), 8L << 20);
        assertThat(huge.get(3)).isGreaterThanOrEqualTo(28 * (2L << 20));
        awaitSteps(next, TestingSandbox.log(next).size() + 2);
        job.kill(next.cgroup(), TestingSandbox.SOON);
    }

    /** Of the whole machine: those that tests beside this one make are counted as well. */
    static long hugePagesMade() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/vmstat"))) {
            return lines.filter(line -> line.startsWith("thp_collapse_alloc ")).mapToLong(line -> Long.parseLong(line.split(" ")[1])).sum();
        }
    }

    /** Bytes of anonymous memory of a life's processes. */
    private static long anonymous(Life life) throws IOException {
        return sum(life, "status", "RssAnon:");
    }

    private static long hugeBytes(Life life) throws IOException {
        return sum(life, "smaps_rollup", "AnonHugePages:");
    }

    private static long sum(Life life, String file, String field) throws IOException {
        long bytes = 0;
        for (int pid : life.cgroup().processes()) {
            bytes += ofProcess(pid, file, field);
        }
        return bytes;
    }

    private static long ofProcess(int pid, String file, String field) throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/" + pid + "/" + file))) {
            return lines.filter(line -> line.startsWith(field)).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10).sum();
        }
    }

    private static void awaitSteps(Life life, int steps) {
        await().atMost(TestingSandbox.SOON).until(() -> TestingSandbox.log(life).size() >= steps);
    }
}
