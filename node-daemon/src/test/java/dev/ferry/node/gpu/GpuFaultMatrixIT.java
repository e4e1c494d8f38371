package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.node.posix.Posix;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GpuUse;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A refusal, a crash and a hang at each of lock, checkpoint, dump, restore and unlock, for each process of a job of three on two GPUs: it runs on, or is brought
 * back from its last image, and nothing is left on the cards. Every error code that the driver has at every one of its calls.
 */
class GpuFaultMatrixIT {
    private static final List<String> CALLS = List.of("lock", "checkpoint", "restore", "unlock");
    private static final List<Integer> ERRORS = List.of(1, 2, 3, 101, 304, 401, 600, 801, 999, 12345);
    private static final int PROCESSES = 3;
    private static final long LIMIT = 256L << 20;
    private static final int SIGSTOP = 19;
    private static final int SIGKILL = 9;

    @TempDir static Path folder;
    private static TestingGpuNode node;

    private GpuJobs job;

    @BeforeAll
    static void open() throws Exception {
        node = TestingGpuNode.alone(folder, "700ms", "1500ms");
    }

    @AfterAll
    static void close() throws Exception {
        node.close();
    }

    @AfterEach
    void nothingIsLeftOnTheCards() throws Exception {
        node.play("clear");
        node.play("release");
        job.end(node);
    }

    private void start(String program, String... arguments) throws Exception {
        job = new GpuJobs(node, 2, program, arguments);
        job.start(node, node.uuids());
        job.awaitSteps(node, 2);
    }

    /** A job that runs, with an image. */
    private void startWithImage() throws Exception {
        start("train", "100000", Integer.toString(PROCESSES), "1");
        node.succeed(job.dump(false));
        job.awaitSteps(node, 1);
    }

    static Stream<Arguments> faults() {
        return Stream.of("error 999", "die 0", "hang 0").flatMap(kind -> CALLS.stream().flatMap(call -> Stream.of(1, 2, 3).map(process -> Arguments.of(call, kind, process))));
    }

    @ParameterizedTest
    @MethodSource("faults")
    void whateverGoesWrongTheJobRunsOnOrComesBack(String call, String kind, int process) throws Exception {
        startWithImage();
        long used = node.cards.used();
        ProcessHandle helper = node.helper();
        node.play("fault " + call + " " + kind + " " + process);
        CommandResult saved = node.order(job.dump(false));
        boolean back = call.equals("restore") || call.equals("unlock");
        if (kind.startsWith("error")) {
            assertThat(saved.getError().getCode()).isEqualTo(back ? ErrorCode.ERROR_CODE_UNSPECIFIED : ErrorCode.GPU_SAVE_FAILED);
            assertThat(saved.getJob().getState()).isEqualTo(LocalState.LOCAL_RUNNING);
        } else if (kind.startsWith("hang")) {
            assertThat(saved.getError().getCode()).isEqualTo(ErrorCode.GPU_STUCK);
            assertThat(saved.getError().getMessage()).contains("'" + call + "'", "nothing of it is repeated or killed");
            assertThat(helper.isAlive()).isTrue();
        }
        node.play("clear");
        node.play("release");
        runsOnOrComesBack();
        if (kind.startsWith("hang")) {
            // Of what the late call left nothing is missing, and the limit is the job's own.
            assertThat(record().getGpuUsesList().stream().mapToLong(GpuUse::getUsedBytes).sum()).isEqualTo(used);
            assertThat(node.cgroup(job.id).limits().memory()).isEqualTo(LIMIT);
        }
        assertThat(node.helper().pid()).as("it is never killed").isEqualTo(helper.pid());
    }

    private JobJournal record() throws Exception {
        return JobJournal.parseFrom(Files.readAllBytes(node.jobFolder(job.id).resolve("journal")));
    }

    /** No order may ever come. */
    @Test
    void whatALateCallLeftIsTakenUpByItself() throws Exception {
        start("train", "100000", Integer.toString(PROCESSES), "1");
        node.play("fault checkpoint hang 0 2");
        assertThat(node.order(job.park()).getError().getCode()).isEqualTo(ErrorCode.GPU_STUCK);
        node.play("release");
        await().atMost(TestingGpuNode.SOON).until(() -> node.cgroup(job.id).limits().memory() == LIMIT);
        job.awaitSteps(node, 2);
        node.succeed(job.park());
        node.play("fault restore hang 0 2");
        CommandResult stuck = node.order(job.unpark(node.uuids()));
        assertThat(stuck.getError().getCode()).isEqualTo(ErrorCode.GPU_STUCK);
        assertThat(stuck.getJob().getState()).isEqualTo(LocalState.LOCAL_PARKED);
        assertThat(node.cgroup(job.id).isFrozen()).as("it could not answer").isFalse();
        node.play("release");
        await().atMost(TestingGpuNode.SOON).until(() -> node.cgroup(job.id).isFrozen());
        assertThat(node.cards.used()).isZero();
        node.succeed(job.unpark(node.uuids()));
        job.awaitSteps(node, 2);
    }

    /** What a hung call left is taken up by the next order; of a job that has died the image is what there is. */
    private void runsOnOrComesBack() throws Exception {
        await().atMost(TestingGpuNode.SOON).until(() -> isDead() || !node.order(job.park()).hasError());
        if (isDead()) {
            job.end(node);
            node.succeed(job.restore(node.uuids(), 1));
        } else {
            node.succeed(job.unpark(node.uuids()));
        }
        job.awaitSteps(node, 2);
        assertThat(node.cgroup(job.id).isFrozen()).isFalse();
    }

    /** All of them: a rank that lost one ends. */
    private boolean isDead() throws Exception {
        return node.cgroup(job.id).processes().isEmpty();
    }

    /** What asks only changes nothing; what changes something is undone or made again, and the code is named. */
    @ParameterizedTest
    @ValueSource(strings = {"state", "thread", "lock", "checkpoint", "restore", "unlock"})
    void everyErrorOfTheDriverIsNamedOrMended(String call) throws Exception {
        startWithImage();
        long used = node.cards.used();
        for (int error : ERRORS) {
            node.play("fault " + call + " error " + error + " 2");
            CommandResult saved = node.order(job.dump(false));
            assertThat(node.cards.control("faults")).as("of " + call + " left").isEqualTo("0\n");
            assertThat(saved.getJob().getState()).as(call + " answers " + error + ": " + saved).isEqualTo(LocalState.LOCAL_RUNNING);
            if (saved.hasError()) {
                assertThat(saved.getError().getMessage()).as(call).containsAnyOf("(" + error + ")", "did not finish what it gave to the GPU", "is not off the GPU", "GPU_");
            }
            node.play("clear");
            runsOnOrComesBack();
            await().atMost(TestingGpuNode.SOON).untilAsserted(() -> assertThat(node.cards.used()).as("after " + error).isEqualTo(used));
        }
    }

    /** A driver that says that it has done what it did not: the state is what counts. */
    @ParameterizedTest
    @ValueSource(strings = {"lock", "checkpoint", "restore", "unlock"})
    void successThatIsNoneIsFoundOut(String call) throws Exception {
        startWithImage();
        node.play("fault " + call + " lie 0 2");
        CommandResult ignored = node.order(job.dump(false));
        runsOnOrComesBack();
    }

    @Test
    void aDumpThatCriuRefusesLetsTheJobRunOnOnItsGpus() throws Exception {
        start("refused", "vsock");
        long used = node.cards.used();
        CommandResult refused = node.order(job.dump(false));
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.DUMP_FAILED);
        assertThat(refused.getJob().getState()).isEqualTo(LocalState.LOCAL_RUNNING);
        job.awaitSteps(node, 2);
        assertThat(node.cards.used()).isEqualTo(used);
    }

    /** The CRIU that dumps the job of a test; it is there before the job is frozen. */
    private Optional<ProcessHandle> criu() {
        return ProcessHandle.allProcesses().filter(one -> one.info().commandLine().filter(line -> line.contains("criu dump") && line.contains(job.id)).isPresent()).findFirst();
    }

    /** Whether it is at the job's memory. */
    private boolean isAtWork(ProcessHandle criu) throws IOException {
        String[] words = criu.info().arguments().orElseThrow();
        Path log = Path.of(words[List.of(words).indexOf("--images-dir") + 1]).resolve("dump.log");
        return Files.exists(log) && Files.readString(log, StandardCharsets.ISO_8859_1).contains("Dumping core");
    }

    @ParameterizedTest
    @ValueSource(ints = {SIGKILL, SIGSTOP})
    void aDumpThatDiesOrHangsLetsTheJobRunOnOrComeBack(int signal) throws Exception {
        start("train", "100000", Integer.toString(PROCESSES), "25");
        node.succeed(job.dump(false));
        FutureTask<Boolean> ends =
                new FutureTask<>(
                        () -> {
                            ConditionFactory awaits = await().atMost(TestingGpuNode.SOON).pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(1));
                            ProcessHandle found = awaits.until(this::criu, Optional::isPresent).orElseThrow();
                            awaits.until(() -> isAtWork(found));
                            Posix.kill((int) found.pid(), signal);
                            return true;
                        });
        Thread unused = Thread.ofPlatform().start(ends);
        CommandResult failed = node.order(job.dump(false), Duration.ofSeconds(6));
        assertThat(ends.get()).isTrue();
        // Within the few milliseconds in which one of its threads runs criu's code the job dies with criu (docs/sandbox.md), and comes back from its image.
        assertThat(failed.getError().getCode()).as(failed.toString()).isIn(signal == SIGKILL ? ErrorCode.DUMP_FAILED : ErrorCode.DUMP_TIMEOUT, ErrorCode.WRONG_STATE);
        runsOnOrComesBack();
    }

    /** Lock's own time-out: who has work in flight for longer than is waited for runs on. */
    @Test
    void workThatIsNotDoneInTimeIsSaidAndTheJobRunsOn() throws Exception {
        start("train", "100000", "1", "1", "1500");
        CommandResult late = node.order(job.park());
        assertThat(late.getError().getCode()).isEqualTo(ErrorCode.GPU_SAVE_FAILED);
        assertThat(late.getError().getMessage()).contains("did not finish what it gave to the GPU within");
        assertThat(late.getJob().getState()).isEqualTo(LocalState.LOCAL_RUNNING);
        job.awaitSteps(node, 1);
    }
}
