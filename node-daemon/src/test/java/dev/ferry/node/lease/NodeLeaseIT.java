package dev.ferry.node.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.posix.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The watchdog on the real kernel: what it freezes and when, and what becomes of it when it or its daemon is stopped or killed. */
class NodeLeaseIT {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final int SIGKILL = 9;
    private static final int SIGSTOP = 19;

    @TempDir Path folder;
    private CgroupLayout layout;
    private JobCgroup node;
    private JobCgroup job;
    private Process worker;
    private NodeLease lease;
    private LeaseFile file;

    @BeforeEach
    void open() throws Exception {
        layout = CgroupLayout.ofThisMachine();
        String path = "ferry-test-" + Ids.random(6);
        node = new JobCgroup(layout, path);
        job = new JobCgroup(layout, path + "/j-test");
        job.createFolders();
        lease = NodeLease.open(folder, node, layout);
        file = LeaseFile.open(folder);
    }

    @AfterEach
    void close() throws Exception {
        if (worker != null) {
            worker.destroyForcibly();
        }
        node.killAll();
        assertThat(node.awaitEmpty(SOON)).isTrue();
        lease.close();
        node.remove();
        await().atMost(SOON).until(() -> watchdog().running().isEmpty());
    }

    private Watchdog watchdog() {
        return new Watchdog(folder, node.freezerFolder(), layout.unified().isEmpty(), file);
    }

    /** A process in the job's group that writes CLOCK_BOOTTIME down, again and again. */
    private Path work() throws IOException {
        Path witness = folder.resolve("witness");
        String program =
                """
                import sys, time
                with open(sys.argv[1], 'a', buffering=1) as out:
                    while True:
                        out.write(f'{time.clock_gettime_ns(time.CLOCK_BOOTTIME)}\\n')
                        time.sleep(0.001)
                """;
        worker = new ProcessBuilder(List.of("/usr/bin/python3", "-c", program, witness.toString())).start();
        for (Path procs : job.joinFiles()) {
            Files.writeString(procs, Long.toString(worker.pid()));
        }
        await().atMost(SOON).until(() -> lines(witness) > 5);
        return witness;
    }

    private static long lines(Path witness) throws IOException {
        return Files.exists(witness) ? Files.readString(witness).lines().count() : 0;
    }

    private static long last(Path witness) throws IOException {
        List<String> lines = Files.readString(witness).lines().toList();
        return Long.parseLong(lines.getLast());
    }

    /** Grants a lease, and says when it ends on its own clock. */
    private long grant(Duration length) {
        long asked = lease.clock();
        lease.renew(asked, length);
        return asked + length.toNanos();
    }

    private void awaitFrozen() {
        await().atMost(SOON).until(() -> file.frozenAt() > 0);
    }

    /** A daemon that is started with another group finds the old group's watchdog at work, which would freeze nothing of it. */
    @Test
    void aWatchdogOfAnotherGroupIsReplaced() throws Exception {
        grant(SOON);
        Path ignored = work();
        lease.close();
        long before = watchdog().running().getAsLong();
        String path = "ferry-test-" + Ids.random(6);
        JobCgroup other = new JobCgroup(layout, path);
        try (NodeLease again = NodeLease.open(folder, other, layout)) {
            assertThat(again.isOver()).isFalse();
            Watchdog ofOther = new Watchdog(folder, other.freezerFolder(), layout.unified().isEmpty(), file);
            assertThat(ofOther.running().getAsLong()).isNotEqualTo(before);
            assertThat(ofOther.isOfOurGroup(ofOther.running().getAsLong())).isTrue();
        } finally {
            other.remove();
        }
    }

    @Test
    void noThreadOfAJobRunsWhenTheLeaseHasEnded() throws Exception {
        grant(SOON);
        Path witness = work();
        long end = grant(Duration.ofMillis(1200));
        awaitFrozen();
        await().atMost(SOON).until(() -> lease.clock() > end + Duration.ofMillis(300).toNanos());
        assertThat(last(witness)).isLessThan(end).isGreaterThan(end - Duration.ofMillis(600).toNanos());
        assertThat(file.frozenAt()).isLessThan(end);
        assertThat(lease.isOver()).isTrue();
        long before = lines(witness);
        grant(SOON);
        await().atMost(SOON).until(() -> lines(witness) > before);
        assertThat(lease.isOver()).isFalse();
    }

    /** An operation's freeze is below the lease's. */
    @Test
    void whatAnOperationHasFrozenStaysFrozenWhenTheLeaseIsBack() throws Exception {
        grant(SOON);
        Path witness = work();
        job.freeze(SOON);
        grant(Duration.ofMillis(300));
        awaitFrozen();
        long before = lines(witness);
        grant(SOON);
        await().atMost(SOON).until(() -> !job.isHeldFromAbove());
        assertThat(job.isFrozen()).isTrue();
        assertThat(lines(witness)).isEqualTo(before);
        job.thaw(SOON);
        await().atMost(SOON).until(() -> lines(witness) > before);
    }

    @Test
    void theWatchdogOutlivesTheDaemonAndIsTakenUpByTheNext() throws Exception {
        grant(SOON);
        Path witness = work();
        long watchdog = watchdog().running().orElseThrow();
        long end = grant(Duration.ofMillis(1500));
        lease.close();
        awaitFrozen();
        assertThat(last(witness)).isLessThan(end);
        lease = NodeLease.open(folder, node, layout);
        assertThat(watchdog().running()).hasValue(watchdog);
        long before = lines(witness);
        grant(SOON);
        await().atMost(SOON).until(() -> lines(witness) > before);
    }

    @Test
    void aWatchdogThatIsKilledIsReplacedWhileTheJobRunsOn() throws Exception {
        grant(SOON);
        Path witness = work();
        long first = watchdog().running().orElseThrow();
        Posix.kill((int) first, SIGKILL);
        await().atMost(SOON).until(() -> watchdog().running().isPresent() && watchdog().running().getAsLong() != first);
        long end = grant(Duration.ofMillis(600));
        awaitFrozen();
        assertThat(last(witness)).isLessThan(end);
    }

    @Test
    void aWatchdogThatIsStoppedIsReplaced() throws Exception {
        grant(SOON);
        Path witness = work();
        long first = watchdog().running().orElseThrow();
        Posix.kill((int) first, SIGSTOP);
        await().atMost(SOON).until(() -> watchdog().running().isPresent() && watchdog().running().getAsLong() != first);
        long end = grant(Duration.ofMillis(600));
        awaitFrozen();
        assertThat(last(witness)).isLessThan(end);
    }

    @Test
    void withoutJobsTheWatchdogEndsWithTheLease() {
        grant(Duration.ofMillis(300));
        await().atMost(SOON).until(() -> watchdog().running().isEmpty());
        assertThat(node.isFrozen()).as("nothing that comes into the group now may run").isTrue();
    }

    @Test
    void anAnswerThatComesLateMakesNoLeaseShorter() {
        long asked = lease.clock();
        lease.renew(asked, SOON);
        lease.renew(asked - 1, Duration.ofMillis(1));
        assertThat(lease.isOver()).isFalse();
    }
}
