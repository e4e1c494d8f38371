package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.TestingSandbox.Life;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real sandboxes, real CRIU, an image in memory. */
class DumpRestoreIT {
    private static final Duration SOON = TestingSandbox.SOON;

    private final CriuBinary criu = CriuBinary.find(null);
    private TestingSandbox sandboxes;

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        sandboxes = new TestingSandbox(folder);
    }

    @AfterEach
    void close() throws Exception {
        sandboxes.close();
    }

    /** As root, and as a user with a user namespace. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1234})
    void aRichJobMovesToAndFroWithoutLosingAStep(int user) throws Exception {
        sandboxes.letUsersIn();
        Life life = sandboxes.prepare(sandboxes.python("rich.py").toBuilder().setUid(user).setGid(user).build(), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 5);
        for (int move = 1; move <= 6; move++) {
            TestingImage image = new TestingImage();
            life.cgroup().freeze(SOON);
            TestingSandbox.dump(criu, "dump-" + move, job, life, image);
            assertThat(life.cgroup().isFrozen()).isTrue();
            assertThat(image.holdsEveryBuffer()).isTrue();
            Life next = sandboxes.copy(life, "life-" + move);
            job.kill(life.cgroup(), SOON);
            job = TestingSandbox.restore(criu, "restore-" + move, next, image);
            int steps = TestingSandbox.log(life).size();
            life = next;
            awaitSteps(life, steps + 3);
        }
        job.kill(life.cgroup(), SOON);
        List<String> log = TestingSandbox.log(life);
        assertThat(log).isEqualTo(IntStream.range(0, log.size()).mapToObj(step -> "step " + step).toList());
    }

    /** The job has a mount and a mask in that folder, whose places are made anew. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1234})
    void aJobFromBeforeATopLevelFolderWasHiddenIsSavedAndComesBack(int user, @TempDir Path outside) throws Exception {
        sandboxes.letUsersIn();
        sandboxes.hidden = List.of(Path.of("/var/lib"));
        Mount mount = Mount.newBuilder().setSource(outside.toString()).setDestination("/var/cache").build();
        Life before = sandboxes.prepare(sandboxes.python("rich.py").toBuilder().addMounts(mount).setUid(user).setGid(user).build(), "life-0");
        JobProcess job = sandboxes.start(before);
        awaitSteps(before, 3);
        sandboxes.hidden = List.of(Path.of("/var"), Path.of("/var/lib"));
        Life life = new Life(before.folder(), before.cgroup(), RootPlan.of(before.spec(), before.folder(), sandboxes.hidden), before.spec());
        for (int move = 1; move <= 2; move++) {
            TestingImage image = new TestingImage();
            life.cgroup().freeze(SOON);
            TestingSandbox.dump(criu, "dump-" + move, job, life, image);
            Life next = sandboxes.copy(life, "life-" + move);
            job.kill(life.cgroup(), SOON);
            job = TestingSandbox.restore(criu, "restore-" + move, next, image);
            awaitSteps(next, TestingSandbox.log(life).size() + 3);
            life = next;
        }
        Path root = Path.of("/proc/" + job.pid() + "/root");
        assertThat(root.resolve("var/lib")).isEmptyDirectory();
        assertThat(root.resolve("var/cache")).isEmptyDirectory();
        assertThat(root.resolve("var/log")).doesNotExist();
    }

    @Test
    void jobGoesOnWhenTheStoreFailsInTheMiddleOfTheDump() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("rich.py"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        TestingImage image = new TestingImage().failAfter(5_000_000);
        life.cgroup().freeze(SOON);
        assertThatThrownBy(() -> TestingSandbox.dump(criu, "dump", job, life, image))
                .isInstanceOfSatisfying(FerryException.class, failure -> assertThat(failure.code()).isEqualTo(ErrorCode.STORE_UNREACHABLE));
        assertThat(image.holdsEveryBuffer()).isTrue();
        life.cgroup().thaw(SOON);
        awaitSteps(life, TestingSandbox.log(life).size() + 3);
        assertThat(job.isAlive()).isTrue();
    }

    @Test
    void nothingIsStartedFromACorruptImage() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("rich.py"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        TestingImage image = new TestingImage().damage("pages-1.img");
        life.cgroup().freeze(SOON);
        TestingSandbox.dump(criu, "dump", job, life, image);
        Life next = sandboxes.copy(life, "life-1");
        job.kill(life.cgroup(), SOON);
        assertThatThrownBy(() -> TestingSandbox.restore(criu, "restore", next, image))
                .isInstanceOfSatisfying(FerryException.class, failure -> assertThat(failure.code()).isEqualTo(ErrorCode.CHUNK_CORRUPT));
        assertThat(next.cgroup().processes()).isEmpty();
    }

    @Test
    void whatCriuRefusesIsQuotedAndTheJobGoesOn() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("refused.py"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 2);
        life.cgroup().freeze(SOON);
        assertThatThrownBy(() -> TestingSandbox.dump(criu, "dump", job, life, new TestingImage()))
                .isInstanceOfSatisfying(
                        FerryException.class,
                        failure -> {
                            assertThat(failure.code()).as(failure.detail().toString()).isEqualTo(ErrorCode.DUMP_FAILED);
                            assertThat(failure).hasMessageContaining("address family 40");
                            assertThat(failure.detail().getEvidenceList()).isNotEmpty();
                        });
        life.cgroup().thaw(SOON);
        awaitSteps(life, TestingSandbox.log(life).size() + 2);
    }

    /** At a deadline and at the daemon's end, at any moment of criu's work. How many: the property ferry.aborts. */
    @Test
    void jobAlwaysGoesOnWhenFerryEndsTheDump() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("counter.py", "128"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        int rounds = Integer.getInteger("ferry.aborts", 15);
        int cut = 0;
        for (int round = 0; round < rounds; round++) {
            // 7 and 40 have no common divisor: all moments come, soon from everywhere.
            Duration moment = Duration.ofMillis(1 + round * 7 % 40);
            String run = "dump-" + round;
            TestingImage image = new TestingImage();
            try (CriuDump dump = CriuDump.start(criu, run, job, life.cgroup(), life.folder(), life.plan(), image.writer())) {
                dump.awaitReady(SOON);
                life.cgroup().freeze(SOON);
                Throwable end = round % 2 == 0 ? catchThrowable(() -> dump.dump(moment)) : interrupted(() -> dump.dump(SOON), moment);
                // None: criu was faster.
                if (end != null) {
                    cut++;
                    assertThat(end).isInstanceOfAny(FerryException.class, InterruptedException.class);
                    assertThat(Files.readString(life.folder().criu(run).resolve("dump.log"))).as("criu ended by itself: round %d, %s", round, end).contains("Dumping FAILED");
                }
                assertThat(ProcessHandle.of(dump.pid()).filter(ProcessHandle::isAlive)).isEmpty();
                assertThat(life.cgroup().isFrozen()).isTrue();
            }
            life.cgroup().thaw(SOON);
            int steps = TestingSandbox.log(life).size() + 2;
            int now = round;
            await().atMost(SOON).until(() -> TestingSandbox.log(life).size() >= steps || gone(job, life, now, moment));
        }
        System.out.println("dumps that were ended before they were done: " + cut + " of " + rounds);
        assertThat(cut).isPositive();
        // What was cut off is no hindrance to the next.
        life.cgroup().freeze(SOON);
        TestingSandbox.dump(criu, "whole", job, life, new TestingImage());
        life.cgroup().thaw(SOON);
        awaitSteps(life, TestingSandbox.log(life).size() + 2);
    }

    /** Criu waits in a write to a full pipe then, and the one who reads it waits for the store. */
    @Test
    void jobGoesOnWhenTheStoreStandsStillUntilTheDeadline() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("counter.py", "128"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        TestingImage image = new TestingImage().stallAfter(5_000_000);
        try (CriuDump dump = CriuDump.start(criu, "dump", job, life.cgroup(), life.folder(), life.plan(), image.writer())) {
            dump.awaitReady(SOON);
            life.cgroup().freeze(SOON);
            AtomicReference<Throwable> end = new AtomicReference<>();
            Thread worker = Thread.ofPlatform().start(() -> end.set(catchThrowable(() -> dump.dump(Duration.ofMillis(1500)))));
            try {
                // Before the store goes on: nothing but the deadline ends criu.
                await().atMost(SOON).until(() -> ProcessHandle.of(dump.pid()).filter(ProcessHandle::isAlive).isEmpty());
            } finally {
                image.goOn();
                worker.join();
            }
            assertThat(end.get()).isInstanceOfSatisfying(FerryException.class, failure -> assertThat(failure.code()).isEqualTo(ErrorCode.DUMP_TIMEOUT));
            assertThat(Files.readString(life.folder().criu("dump").resolve("dump.log"))).contains("Dumping FAILED");
        }
        assertThat(image.holdsEveryBuffer()).isTrue();
        life.cgroup().thaw(SOON);
        awaitSteps(life, TestingSandbox.log(life).size() + 2);
        assertThat(job.isAlive()).isTrue();
    }

    private static boolean gone(JobProcess job, Life life, int round, Duration moment) throws Exception {
        assertThat(job.isAlive()).as("the job lives after round %d at %s", round, moment).isTrue();
        return false;
    }

    private static Throwable interrupted(ThrowableAssert.ThrowingCallable work, Duration moment) throws InterruptedException {
        AtomicReference<Throwable> end = new AtomicReference<>();
        Thread worker = Thread.ofPlatform().start(() -> end.set(catchThrowable(work)));
        Thread.sleep(moment);
        worker.interrupt();
        worker.join();
        return end.get();
    }

    /** What a new daemon finds of a daemon that was killed: its streams have ended, so criu ends by itself. */
    @Test
    void criuOfADeadDaemonEndsByItselfAndTheJobGoesOn() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("counter.py", "128"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        TestingImage image = new TestingImage();
        Path run = life.folder().criu("dump");
        Throwable ended;
        try (CriuDump dump = CriuDump.start(criu, "dump", job, life.cgroup(), life.folder(), life.plan(), image.writer())) {
            dump.awaitReady(SOON);
            assertThat(CriuAftermath.awaitEnd(run, Duration.ofMillis(50))).isFalse();
            life.cgroup().freeze(SOON);
            Thread daemon =
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        LockSupport.parkNanos(15_000_000);
                                        dump.hangUp();
                                    });
            ended = catchThrowable(() -> dump.dump(SOON));
            daemon.join();
            assertThat(CriuAftermath.awaitEnd(run, CriuAftermath.ROLL_BACK)).isTrue();
        }
        assertThat(ended).isInstanceOf(FerryException.class).hasMessageContaining("exit status 1)");
        life.cgroup().thaw(SOON);
        awaitSteps(life, TestingSandbox.log(life).size() + 2);
        assertThat(job.isAlive()).isTrue();
    }

    /**
     * By someone else, who can't be kept from it. The job may die of it, if criu's code ran in it just then (docs/sandbox.md); it must not be
     * anything between life and death.
     */
    @Test
    void jobGoesOnOrIsDeadWhenCriuIsKilledInTheMiddleOfTheDump() throws Exception {
        Life life = null;
        JobProcess job = null;
        int survived = 0;
        for (int round = 0; round < 5; round++) {
            if (job == null) {
                life = sandboxes.prepare(sandboxes.python("counter.py", "128"), "life-" + round);
                job = sandboxes.start(life);
                awaitSteps(life, 3);
            }
            if (goesOnAfterKill(round, life, job)) {
                survived++;
            } else {
                job = null;
            }
        }
        assertThat(survived).isPositive();
    }

    /** False: it is dead, with all of its processes. */
    private boolean goesOnAfterKill(int round, Life life, JobProcess job) throws Exception {
        try (CriuDump dump = CriuDump.start(criu, "dump-" + round, job, life.cgroup(), life.folder(), life.plan(), new TestingImage().writer())) {
            dump.awaitReady(SOON);
            life.cgroup().freeze(SOON);
            long later = 8_000_000L * (round + 1);
            Thread unused =
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        LockSupport.parkNanos(later);
                                        ProcessHandle.of(dump.pid()).ifPresent(ProcessHandle::destroyForcibly);
                                    });
            assertThatThrownBy(() -> dump.dump(SOON)).isInstanceOfSatisfying(FerryException.class, failure -> assertThat(failure.code()).isEqualTo(ErrorCode.DUMP_FAILED));
        }
        life.cgroup().thaw(SOON);
        int steps = TestingSandbox.log(life).size() + 2;
        await().atMost(SOON).until(() -> TestingSandbox.log(life).size() >= steps || life.cgroup().processes().isEmpty());
        boolean goesOn = TestingSandbox.log(life).size() >= steps;
        assertThat(job.isAlive()).isEqualTo(goesOn);
        return goesOn;
    }

    /** Until it is let through the gate criu has not touched the job, whatever becomes of it. */
    @Test
    void jobDoesNotNoticeACriuThatWaitsForIt() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("rich.py"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        CriuDump given = CriuDump.start(criu, "given-up", job, life.cgroup(), life.folder(), life.plan(), new TestingImage().writer());
        given.awaitReady(SOON);
        assertThat(life.cgroup().isFrozen()).isFalse();
        assertThat(lacksRightToSpare() || oomScore(given.pid()).equals("-1000")).isTrue();
        assertThat(oomScore(job.pid())).isNotEqualTo("-1000");
        awaitSteps(life, TestingSandbox.log(life).size() + 2);
        given.close();
        assertThat(ProcessHandle.of(given.pid()).filter(ProcessHandle::isAlive)).isEmpty();

        try (CriuDump killed = CriuDump.start(criu, "killed", job, life.cgroup(), life.folder(), life.plan(), new TestingImage().writer())) {
            killed.awaitReady(SOON);
            assertThat(ProcessHandle.of(killed.pid()).orElseThrow().destroyForcibly()).isTrue();
            assertThatThrownBy(() -> killed.dump(SOON)).isInstanceOfSatisfying(FerryException.class, failure -> assertThat(failure.code()).isEqualTo(ErrorCode.DUMP_FAILED));
        }
        life.cgroup().thaw(SOON);
        awaitSteps(life, TestingSandbox.log(life).size() + 2);
        assertThat(job.isAlive()).isTrue();
    }

    private static String oomScore(long pid) throws IOException {
        return Files.readString(Path.of("/proc", Long.toString(pid), "oom_score_adj")).trim();
    }

    /** As in a container without CAP_SYS_RESOURCE. */
    private static boolean lacksRightToSpare() throws IOException {
        Process probe = new ProcessBuilder("sleep", "60").start();
        try {
            Files.writeString(Path.of("/proc", Long.toString(probe.pid()), "oom_score_adj"), "-1000");
            return false;
        } catch (IOException refused) {
            return true;
        } finally {
            probe.destroyForcibly();
        }
    }

    private static void awaitSteps(Life life, int count) {
        await().atMost(SOON).until(() -> TestingSandbox.log(life).size() >= count);
    }
}
