package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.LocalState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What Ferry does when the driver refuses, hangs or loses a process: the stand-in does so on demand. The numbers are those of docs/gpu.md. */
class GpuFaultsIT {
    private static final Duration CALL = Duration.ofSeconds(4);

    @TempDir static Path folder;
    private static TestingGpuNode node;

    private GpuJobs job;

    @BeforeAll
    static void open() throws Exception {
        node = TestingGpuNode.alone(folder, "3s", CALL.toMillis() + "ms");
    }

    @AfterAll
    static void close() throws Exception {
        node.close();
    }

    private void start(String... command) throws Exception {
        String[] arguments = new String[command.length - 1];
        System.arraycopy(command, 1, arguments, 0, arguments.length);
        job = new GpuJobs(node, 2, command[0], arguments);
        job.start(node, node.uuids());
        job.awaitSteps(node, 3);
    }

    @AfterEach
    void nothingIsLeftOnTheCards() throws Exception {
        node.cards.control("clear");
        node.cards.control("quirks 0");
        node.cards.control("release");
        job.end(node);
    }

    private void assertRuns() throws Exception {
        job.awaitSteps(node, 3);
        assertThat(node.cgroup(job.id).isFrozen()).isFalse();
    }

    /** Whichever process is refused at whichever call, all of them run on, and hold on the cards what they held. */
    @ParameterizedTest
    @CsvSource({"lock, 1", "lock, 3", "checkpoint, 1", "checkpoint, 2", "checkpoint, 3"})
    void aRefusalLetsAllProcessesRunOn(String call, int process) throws Exception {
        start("train", "100000", "3", "1");
        long used = node.cards.used();
        node.cards.control("fault " + call + " error 999 " + process);
        CommandResult refused = node.order(job.park());
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.GPU_SAVE_FAILED);
        assertThat(refused.getError().getMessage()).contains("(train)").contains("CUDA_ERROR_UNKNOWN (999)");
        assertThat(refused.getJob().getState()).isEqualTo(LocalState.LOCAL_RUNNING);
        assertRuns();
        assertThat(node.cards.used()).isEqualTo(used);
        assertThat(node.succeed(job.park()).getJob().getState()).isEqualTo(LocalState.LOCAL_PARKED);
        assertThat(node.cards.used()).isZero();
    }

    /** A refusal on the way back is not the end: the process is asked for its state and brought back from there. */
    @ParameterizedTest
    @CsvSource({"restore, 1", "restore, 3", "unlock, 1", "unlock, 2"})
    void aRefusalOnTheWayBackIsMended(String call, int process) throws Exception {
        start("train", "100000", "3", "1");
        node.cards.control("fault " + call + " error 304 " + process);
        node.succeed(job.dump(false));
        assertRuns();
    }

    /** Trap 3: a restore that wedges its process is final; the image was whole before, and the job comes back from it. */
    @Test
    void aJobWhosePlaceInTheDriverIsLostComesBackFromItsImage() throws Exception {
        start("train", "100000", "2", "1");
        node.cards.control("fault restore wedge 2 1");
        CommandResult saved = node.succeed(job.dump(false));
        assertThat(saved.getJob().getState()).isEqualTo(LocalState.LOCAL_LOST);
        assertThat(saved.getJob().getDetail()).contains("its state is FAILED").contains("could not be brought back");
        node.succeed(job.restore(node.uuids()));
        assertRuns();
    }

    /** Trap 2: the call is left alone, its job is stuck, the rest of the node works; and what comes back late is taken up. */
    @ParameterizedTest
    @CsvSource({"lock", "checkpoint"})
    void aHangLeavesTheRestOfTheNodeWorking(String call) throws Exception {
        start("train", "100000", "2", "1");
        node.cards.control("fault " + call + " hang 0 1");
        ProcessHandle helper = node.helper();
        CommandResult stuck = node.order(job.park());
        assertThat(stuck.getError().getCode()).isEqualTo(ErrorCode.GPU_STUCK);
        assertThat(stuck.getError().getMessage()).contains("'" + call + "'");
        assertThat(helper.isAlive()).isTrue();
        GpuJobs other = new GpuJobs(node, 1, "train", "100000", "1", "1");
        other.start(node, node.uuids().subList(0, 1));
        other.awaitSteps(node, 3);
        node.succeed(other.park());
        node.succeed(other.unpark(node.uuids().subList(0, 1)));
        node.succeed(other.kill());
        node.cards.control("release");
        // Each process is wherever the late call left it; once that is back, an order finds out.
        await().atMost(TestingGpuNode.SOON).until(() -> !node.order(job.park()).hasError());
        node.succeed(job.unpark(node.uuids()));
        assertRuns();
    }

    /** A process that dies in the middle takes its job with it, and nothing else. */
    @ParameterizedTest
    @CsvSource({"lock", "checkpoint"})
    void aProcessThatDiesInTheMiddleLeavesNothingBehind(String call) throws Exception {
        start("train", "100000", "2", "1");
        node.cards.control("fault " + call + " die 0 2");
        CommandResult parked = node.order(job.park());
        if (call.equals("checkpoint")) {
            assertThat(parked.hasError()).isTrue();
        } else if (!parked.hasError()) {
            // It ended before it was saved, which is nobody's failure: the other one finds out when it runs.
            CommandResult ignored = node.order(job.unpark(node.uuids()));
        }
        await().atMost(TestingGpuNode.SOON).until(() -> node.cgroup(job.id).processes().isEmpty());
    }

    /** Neither of which knows of the other. */
    private void startTwo() throws Exception {
        start("../bin/sh", "-c", "/jobs/train 100000 1 1 & /jobs/train 100000 1 1 & wait");
        await().atMost(TestingGpuNode.SOON).until(() -> new GpuTree(node.gpu, node.cgroup(job.id)).find().size() == 2);
    }

    @Test
    void aProcessThatEndsBeforeItIsLockedIsNotMissed() throws Exception {
        startTwo();
        node.cards.control("fault lock die 0 2");
        node.succeed(job.park());
        assertThat(node.cards.used()).isZero();
        node.succeed(job.unpark(node.uuids()));
        assertRuns();
    }

    /** What the job has on its GPUs when its unpark is taken up again is in nobody's way: it has more than half of them. */
    @Test
    void anUnparkOfAnEarlierDaemonIsTakenUpWithWhatIsBackAlready() throws Exception {
        start("train", "100000", "1", "80");
        node.succeed(job.park());
        node.cards.control("fault unlock slow 1500 1");
        int calls = node.cards.calls().size();
        FutureTask<Boolean> restart =
                new FutureTask<>(
                        () -> {
                            await().atMost(TestingGpuNode.SOON).pollInterval(Duration.ofMillis(5)).until(() -> node.cards.calls().stream().skip(calls).anyMatch(line -> line.endsWith(" unlock")));
                            node.restart();
                            return true;
                        });
        Thread unused = Thread.ofPlatform().start(restart);
        CommandResult back = node.succeed(job.unpark(node.uuids()));
        assertThat(restart.get()).isTrue();
        assertThat(back.getJob().getState()).isEqualTo(LocalState.LOCAL_RUNNING);
        assertRuns();
    }

    /** Of a job that could not come back as a whole nobody is on its GPUs, which are others' by now. */
    @Test
    void anUnparkThatFailsForOneLeavesNobodyOnTheGpus() throws Exception {
        start("train", "100000", "2", "1");
        node.succeed(job.park());
        refuse("restore", 2, 2);
        assertParkedAfter(node.order(job.unpark(node.uuids())));
        node.succeed(job.unpark(node.uuids()));
        assertRuns();
    }

    @Test
    void aProcessThatEndsOnItsWayBackFromAnUnparkIsNotMissed() throws Exception {
        startTwo();
        node.succeed(job.park());
        refuse("unlock", 1, 8);
        node.cards.control("fault checkpoint die 0 1");
        assertParkedAfter(node.order(job.unpark(node.uuids())));
        node.succeed(job.unpark(node.uuids()));
        assertRuns();
    }

    @Test
    void whatCameBackOnOtherGpusGoesBackFromThere() throws Exception {
        List<String> first = node.uuids().subList(0, 1);
        startOn(first, "1");
        node.succeed(job.park());
        refuse("unlock", 1, 4);
        assertParkedAfter(node.order(job.unpark(node.uuids().subList(1, 2))));
        node.succeed(job.unpark(first));
        assertRuns();
    }

    @Test
    void aJobWhoseProcessesLieOnDifferentGpusIsLostAndComesBackFromItsImage() throws Exception {
        List<String> first = node.uuids().subList(0, 1);
        startOn(first, "2");
        node.succeed(job.dump(false));
        node.succeed(job.park());
        refuse("restore", 2, 2);
        CommandResult failed = node.order(job.unpark(node.uuids().subList(1, 2)));
        assertThat(failed.getError().getCode()).isEqualTo(ErrorCode.GPU_RESTORE_FAILED);
        assertThat(failed.getJob().getState()).isEqualTo(LocalState.LOCAL_LOST);
        assertThat(failed.getJob().getDetail()).contains("on different GPUs");
        node.succeed(job.restore(first));
        assertRuns();
    }

    private void startOn(List<String> gpus, String processes) throws Exception {
        job = new GpuJobs(node, 1, "train", "100000", processes, "1");
        job.start(node, gpus);
        job.awaitSteps(node, 3);
    }

    /** Refuses a call, and the same after that, so often. */
    private static void refuse(String call, int first, int times) throws Exception {
        for (int i = 0; i < times; i++) {
            // Each is laid behind the one before: a call that meets one is not counted by those behind it.
            node.cards.control("fault " + call + " error 304 " + first);
        }
    }

    private void assertParkedAfter(CommandResult failed) throws Exception {
        assertThat(failed.getError().getCode()).isEqualTo(ErrorCode.GPU_RESTORE_FAILED);
        assertThat(failed.getJob().getState()).as(failed.toString()).isEqualTo(LocalState.LOCAL_PARKED);
        assertThat(node.cards.used()).isZero();
        assertThat(node.cgroup(job.id).isFrozen()).isTrue();
    }

    /** Trap 2: the helper is killed with a call in flight; the next step is to ask for the state. */
    @Test
    void aHelperThatIsKilledInTheMiddleIsReplacedAndTheStateIsAskedFor() throws Exception {
        start("train", "100000", "2", "1");
        node.cards.control("fault checkpoint slow 1000 1");
        int calls = node.cards.calls().size();
        Thread killer =
                Thread.ofPlatform()
                        .start(
                                () -> {
                                    await().atMost(TestingGpuNode.SOON).until(() -> node.cards.calls().stream().skip(calls).anyMatch(line -> line.endsWith(" checkpoint")));
                                    node.helper().destroyForcibly();
                                });
        CommandResult ignored = node.order(job.park());
        killer.join();
        boolean parked = ignored.getJob().getState() == LocalState.LOCAL_PARKED;
        if (parked) {
            node.succeed(job.unpark(node.uuids()));
        }
        assertRuns();
    }

    /** What can't be saved is named before anything is touched, within two seconds. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "gdrcopy | /dev/gdrdrv | NCCL_GDRCOPY_ENABLE=0",
                "fork    | forked from a process that uses the GPU | spawn",
                "stopped | it is stopped (SIGSTOP | kill -CONT"
            })
    void whatCantBeSavedIsRefusedBeforeItIsTouched(String kind, String cause, String advice) throws Exception {
        start("refused", kind);
        if (kind.equals("stopped")) {
            await().atMost(TestingGpuNode.SOON).until(() -> node.cgroup(job.id).processes().stream().anyMatch(pid -> new ProcessLook(pid).isStopped()));
        }
        int calls = node.cards.calls().size();
        long began = System.nanoTime();
        CommandResult refused = node.order(job.park());
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(2));
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.GPU_BLOCKED);
        assertThat(refused.getError().getMessage()).contains("was not touched").contains("(refused)").contains(cause).contains(advice);
        assertThat(node.cards.calls().stream().skip(calls)).noneMatch(line -> line.matches("\\d+ (lock|checkpoint|restore|unlock)"));
        assertRuns();
    }

    /** Trap 8: managed memory leaves a device open; seen after the checkpoint, undone. */
    @Test
    void managedMemoryIsFoundAfterTheCheckpointAndTheJobRunsOn() throws Exception {
        start("refused", "managed");
        CommandResult refused = node.order(job.dump(true));
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.GPU_BLOCKED);
        assertThat(refused.getError().getMessage()).contains("nvidia-uvm");
        assertRuns();
    }

    /** Trap 8: memory that was exported is saved and never comes back: the image is what is left, and it is of no use; the job is said to be lost. */
    @Test
    void exportedMemoryLosesTheJobWithItsCause() throws Exception {
        start("refused", "exported");
        CommandResult saved = node.order(job.dump(false));
        assertThat(saved.getJob().getState()).isEqualTo(LocalState.LOCAL_LOST);
        assertThat(saved.getJob().getDetail()).contains("its state is FAILED");
    }

    /** Traps 4 and 11: a state that nobody knows yet must not be taken for another. */
    @Test
    void anUnknownStateIsNamed() throws Exception {
        start("train", "100000", "1", "1");
        node.cards.control("fault state lie 7 2");
        CommandResult refused = node.order(job.park());
        assertThat(refused.getError().getMessage()).contains("UNKNOWN");
        assertRuns();
    }

    /** Trap 1: a frozen job is never asked. */
    @Test
    void aParkedJobIsNeverAsked() throws Exception {
        start("train", "100000", "2", "1");
        node.succeed(job.park());
        int calls = node.cards.calls().size();
        node.succeed(job.dump(false));
        assertThat(node.cards.calls()).hasSize(calls);
        node.restart();
        node.succeed(job.unpark(node.uuids()));
        assertRuns();
    }

    /** Trap 3: what does not fit is seen before the driver is asked. */
    @Test
    void aFullGpuIsSeenBeforeTheRestore() throws Exception {
        start("train", "100000", "1", "60");
        node.succeed(job.park());
        GpuJobs other = new GpuJobs(node, 1, "train", "100000", "1", "80");
        other.start(node, List.of(node.uuids().getFirst()));
        other.awaitSteps(node, 1);
        int calls = node.cards.calls().size();
        CommandResult refused = node.order(job.unpark(node.uuids()));
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.GPU_RESTORE_FAILED);
        assertThat(refused.getError().getMessage()).contains("free, the state needs");
        assertThat(node.cards.calls()).hasSize(calls);
        node.succeed(other.kill());
        await().atMost(TestingGpuNode.SOON).until(() -> node.cards.used() == 0);
        node.succeed(job.unpark(node.uuids()));
        assertRuns();
    }

    /** The first programs can't tell how far a process is. */
    private static void assertTogglesAreRefused(GpuConfig config) throws Exception {
        Path program = Files.writeString(folder.resolve("toggle"), "#!/bin/sh\necho '--toggle --pid'\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        GpuConfig toggling = new GpuConfig(config.library(), config.nvml(), program.toString(), config.standIn(), config.lockTimeout(), config.callTimeout(), config.sampleEvery(), config.cdi());
        try (GpuNode gpu = GpuNode.open(toggling, folder.resolve("t"))) {
            assertThat(gpu.canSave()).isFalse();
            assertThat(gpu.describe()).contains("--action");
        } finally {
            GpuHelper.letEnd(folder.resolve("t"));
        }
    }

    @Test
    void anOldDriverDoesItByItsProgram() throws Exception {
        try (TestingGpuNode old = new TestingGpuNode(folder, "o", "stand-in:1xA100:550:1GiB", node.images, "10s", "20s")) {
            assertThat(old.gpu.describe()).contains("cuda-checkpoint").contains("same GPUs only");
            assertTogglesAreRefused(old.cards.config());
            job = new GpuJobs(old, 1, "train", "100000", "2", "1");
            job.start(old, old.uuids());
            job.awaitSteps(old, 3);
            CommandResult saved = old.succeed(job.dump(true));
            assertThat(saved.getGpuFreeAt()).isPositive();
            old.succeed(job.kill());
            old.succeed(job.restore(old.uuids()));
            job.awaitSteps(old, 3);
            old.succeed(job.kill());
        }
    }
}
