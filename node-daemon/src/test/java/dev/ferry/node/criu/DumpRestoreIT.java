package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.node.criu.TestingSandbox.Life;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
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

    @Test
    void jobGoesOnWhenCriuIsKilledInTheMiddleOfTheDump() throws Exception {
        Life life = sandboxes.prepare(sandboxes.python("counter.py", "128"), "life-0");
        JobProcess job = sandboxes.start(life);
        awaitSteps(life, 3);
        for (int round = 0; round < 5; round++) {
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
            awaitSteps(life, TestingSandbox.log(life).size() + 2);
        }
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

    private static void awaitSteps(Life life, int count) {
        await().atMost(SOON).until(() -> TestingSandbox.log(life).size() >= count);
    }
}
