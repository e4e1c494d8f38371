package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.LocalState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The driver's traps, by the numbers of docs/gpu.md, that {@link GpuFaultsIT} does not switch on. */
class GpuTrapsIT {
    private static final int OUT_OF_MEMORY_WEDGES = 1 << 3;
    private static final int THREAD_ID_WRECKS = 1 << 4;

    @TempDir static Path folder;
    private static TestingGpuNode node;

    private GpuJobs job;
    private volatile @Nullable Process taken;

    @BeforeAll
    static void open() throws Exception {
        node = TestingGpuNode.alone(folder, "2s", "4s");
    }

    @AfterAll
    static void close() throws Exception {
        node.close();
    }

    @AfterEach
    void nothingIsLeftOnTheCards() throws Exception {
        if (taken != null) {
            taken.destroyForcibly();
        }
        for (String command : List.of("clear", "quirks 0", "release", "unlisted 0", "mig 0 0", "mig 1 0")) {
            node.play(command);
        }
        job.end(node);
    }

    private void start(int gpus, String program, String... arguments) throws Exception {
        job = new GpuJobs(node, gpus, program, arguments);
        job.start(node, node.uuids().subList(0, gpus));
        job.awaitSteps(node, 2);
    }

    private void assertRuns() throws Exception {
        job.awaitSteps(node, 2);
        assertThat(node.cgroup(job.id).isFrozen()).isFalse();
    }

    /** A program of nobody's job that takes a GPU's memory between the look and the restore. */
    private static Process intruder(int mebibytes) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(node.cards.jobs().resolve("train").toString(), "100000", "1", Integer.toString(mebibytes)).redirectErrorStream(true);
        builder.environment().putAll(node.cards.environment());
        Process process = builder.start();
        assertThat(process.inputReader().readLine()).startsWith("step ");
        return process;
    }

    /** Trap 3: no memory at the restore is final with this driver. The image is whole: the job comes back from it. */
    @Test
    void trap3AJobThatFoundNoMemoryAtItsRestoreComesBackFromItsImage() throws Exception {
        // A process knows its driver from its start on.
        node.play("quirks " + OUT_OF_MEMORY_WEDGES);
        start(2, "train", "100000", "1", "60");
        node.play("fault restore slow 2500 1");
        int calls = node.cards.calls().size();
        Thread taker =
                Thread.ofPlatform()
                        .start(
                                () -> {
                                    await().atMost(TestingGpuNode.SOON).pollInterval(Duration.ofMillis(5)).until(() -> node.cards.calls().stream().skip(calls).anyMatch(line -> line.endsWith(" restore")));
                                    taken = begin(90);
                                });
        CommandResult saved = node.order(job.dump(false));
        taker.join();
        assertThat(saved.getJob().getState()).as(saved.toString()).isEqualTo(LocalState.LOCAL_LOST);
        assertThat(saved.getJob().getDetail()).contains("FAILED");
        end();
        node.succeed(job.restore(node.uuids()));
        assertRuns();
    }

    /** The same on the way back from parked: what is wedged can't be tried again, so the job must not stay parked for ever. */
    @Test
    void trap3AParkedJobThatIsWedgedIsSaidToBeLost() throws Exception {
        start(2, "train", "100000", "1", "60");
        node.succeed(job.dump(false));
        node.succeed(job.park());
        node.play("fault restore wedge 2 1");
        CommandResult failed = node.order(job.unpark(node.uuids()));
        assertThat(failed.getError().getCode()).isEqualTo(ErrorCode.GPU_RESTORE_FAILED);
        assertThat(failed.getJob().getState()).as(failed.toString()).isEqualTo(LocalState.LOCAL_LOST);
        node.succeed(job.restore(node.uuids()));
        assertRuns();
    }

    private Process begin(int mebibytes) {
        try {
            return intruder(mebibytes);
        } catch (Exception failed) {
            throw new IllegalStateException(failed);
        }
    }

    private void end() throws Exception {
        Process process = Objects.requireNonNull(taken);
        process.destroyForcibly();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        await().atMost(TestingGpuNode.SOON).untilAsserted(() -> assertThat(node.cards.used()).isZero());
    }

    /** Trap 4: the driver takes a thread's id for a process's, and the process is wrecked. Ferry names processes only. */
    @Test
    void trap4NoThreadIsEverNamed() throws Exception {
        start(2, "train", "100000", "3", "1");
        node.play("quirks " + THREAD_ID_WRECKS);
        node.succeed(job.dump(false));
        assertRuns();
        node.succeed(job.park());
        node.succeed(job.unpark(node.uuids()));
        assertRuns();
        assertThat(node.cgroup(job.id).processes()).as("with ferry-init").hasSize(4);
    }

    /** Trap 6: device memory comes into main memory, which the job's limit has no room for; also where NVML can't say how much it is. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void trap6AJobWithMoreOnItsGpusThanItsLimitOfMemoryIsParked(int unlisted) throws Exception {
        node.play("unlisted " + unlisted);
        // 256 MiB are its limit, and 320 lie on its GPUs.
        start(2, "train", "100000", "1", "80");
        assertThat(node.cards.used()).isGreaterThan(node.cgroup(job.id).limits().memory());
        node.succeed(job.park());
        assertThat(node.cgroup(job.id).limits().outOfMemoryKills()).isZero();
        node.succeed(job.unpark(node.uuids()));
        assertRuns();
        assertThat(node.cgroup(job.id).limits().memory()).isEqualTo(256L << 20);
    }

    /** Trap 7: Ferry tells no job which devices it sees; one that sets it itself goes back on its own GPUs, and is refused others before it is touched. */
    @Test
    void trap7AProcessThatChoseItsDevicesItselfGoesBackOnThemOnly() throws Exception {
        start(1, "train", "100000", "1", "1");
        assertThat(Files.readString(Path.of("/proc/" + node.cgroup(job.id).processes().getLast() + "/environ"))).contains("FERRY_STANDIN").doesNotContain("CUDA_VISIBLE_DEVICES");
        node.succeed(job.kill());
        start(1, "../bin/sh", "-c", "CUDA_VISIBLE_DEVICES=0 exec /jobs/train 100000 1 1");
        node.succeed(job.park());
        int calls = node.cards.calls().size();
        CommandResult refused = node.order(job.unpark(node.uuids().subList(1, 2)));
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.GPU_RESTORE_FAILED);
        assertThat(refused.getError().getMessage()).contains("(train) has CUDA_VISIBLE_DEVICES in its environment", node.uuids().getFirst());
        assertThat(refused.getJob().getState()).isEqualTo(LocalState.LOCAL_PARKED);
        assertThat(node.cards.calls()).hasSize(calls);
        node.succeed(job.unpark(node.uuids().subList(0, 1)));
        assertRuns();
        node.succeed(job.dump(true));
        node.succeed(job.kill());
        CommandResult elsewhere = node.order(job.restore(node.uuids().subList(1, 2)));
        assertThat(elsewhere.getError().getMessage()).contains("CUDA_VISIBLE_DEVICES");
        node.succeed(job.restore(node.uuids().subList(0, 1)));
        assertRuns();
    }

    /** Trap 8: what can't be seen from outside hangs the checkpoint; the job is stuck and says so, and the rest of the node works. */
    @ParameterizedTest
    @ValueSource(strings = {"ipc", "multicast"})
    void trap8SharedMemoryThatHangsTheCheckpointIsSaidAndHoldsUpNobody(String kind) throws Exception {
        start(1, "refused", kind);
        CommandResult stuck = node.order(job.park());
        assertThat(stuck.getError().getCode()).isEqualTo(ErrorCode.GPU_STUCK);
        assertThat(stuck.getError().getMessage()).contains("'checkpoint'");
        GpuJobs other = new GpuJobs(node, 1, "train", "100000", "1", "1");
        other.start(node, node.uuids().subList(1, 2));
        other.awaitSteps(node, 2);
        node.succeed(other.park());
        node.succeed(other.kill());
    }

    /** Trap 8: of these and of a GPU that was put in MIG mode under its job it is known before anything is touched. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"mps | it uses the GPU through MPS | stop MPS", "imex | it shares GPU memory between machines | NCCL_MNNVL_ENABLE=0", "mig | is in MIG mode | nvidia-smi -mig 0"})
    void trap8WhatCanBeSeenIsRefusedBeforeItIsTouched(String kind, String cause, String advice) throws Exception {
        if (kind.equals("mig")) {
            start(1, "train", "100000", "1", "1");
            node.play("mig " + node.gpu.found().getFirst().minor() + " 1");
        } else {
            start(1, "refused", kind);
        }
        int calls = node.cards.calls().size();
        long began = System.nanoTime();
        CommandResult refused = node.order(job.park());
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(2));
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.GPU_BLOCKED);
        assertThat(refused.getError().getMessage()).contains("was not touched", cause, advice);
        assertThat(node.cards.calls().stream().skip(calls)).noneMatch(line -> line.matches("\\d+ (lock|checkpoint|restore|unlock)"));
        assertRuns();
    }

    /** Who comes to CUDA while the others are locked is locked too, or the job runs on; nobody is frozen with a GPU open. */
    @Test
    void processesThatComeToCudaMeanwhileAreSavedTooOrTheJobRunsOn() throws Exception {
        start(1, "refused", "spawn");
        int parked = 0;
        long end = System.nanoTime() + Duration.ofSeconds(90).toNanos();
        // On a busy machine the job may have a new process in each of many rounds.
        for (int round = 0; parked < 3 && (round < 40 || parked == 0 && System.nanoTime() < end); round++) {
            CommandResult result = node.order(job.park());
            if (result.hasError()) {
                assertThat(result.getJob().getState()).as(result.toString()).isEqualTo(LocalState.LOCAL_RUNNING);
            } else {
                parked++;
                assertThat(node.cards.used()).as("nobody has a GPU").isZero();
                assertThat(new GpuTree(node.gpu, node.cgroup(job.id)).stillOnGpu()).isEmpty();
                CommandResult back = node.order(job.unpark(node.uuids().subList(0, 1)));
                for (int again = 0; back.hasError() && again < 10; again++) {
                    // One of them ended in the driver's restore, and may do so once more: the job waits for another try.
                    assertThat(back.getJob().getState()).as(back.toString()).isEqualTo(LocalState.LOCAL_PARKED);
                    back = node.order(job.unpark(node.uuids().subList(0, 1)));
                }
                assertThat(back.hasError()).as(back.toString()).isFalse();
            }
            job.awaitSteps(node, 1);
        }
        assertThat(parked).isPositive();
        assertRuns();
    }

    /** Trap 10: the list of processes is kept, for NVML has none of them after the checkpoint; the image holds pids of the sandbox. */
    @Test
    void trap10WhoHadStateIsKnownWhenNvmlSaysThatNobodyDoes() throws Exception {
        start(2, "train", "100000", "3", "1");
        CommandResult saved = node.succeed(job.dump(true));
        assertThat(node.gpu.devices()).allSatisfy(device -> assertThat(device.users()).isEmpty());
        assertThat(saved.getImage().getGpuProcessesList()).hasSize(3).allSatisfy(pid -> assertThat(pid).as("of the sandbox").isLessThan(20));
        node.succeed(job.kill());
        node.succeed(job.restore(node.uuids()));
        assertRuns();
    }

    /** Trap 11: states that driver 615 added, and one that is newer than this Ferry. */
    @ParameterizedTest
    @CsvSource({"4, CHECKPOINTING", "5, RESTORING", "6, UNKNOWN"})
    void trap11NewStatesOfTheDriverAreNamedAndTakenForNoOther(int value, String name) throws Exception {
        start(1, "train", "100000", "1", "1");
        node.play("fault state lie " + value + " 1");
        CommandResult refused = node.order(job.park());
        assertThat(refused.getError().getMessage()).contains("is in the driver's state " + name);
        assertRuns();
    }

    /** What each driver has: maps since 580, IPC since 610, another state list since 615. */
    @ParameterizedTest
    @CsvSource({"570, train, false, true", "610, ipc, true, true", "615, train, true, true"})
    void whatADriverCanDoIsWhatIsAskedOfIt(int driver, String kind, boolean maps, boolean saves) throws Exception {
        try (TestingGpuNode other = new TestingGpuNode(folder, "d" + driver, "stand-in:2xH100:" + driver + ":256MiB", node.images, "2s", "2s")) {
            job = kind.equals("train") ? new GpuJobs(other, 1, "train", "100000", "1", "1") : new GpuJobs(other, 1, "refused", kind);
            job.start(other, other.uuids().subList(0, 1));
            job.awaitSteps(other, 2);
            assertThat(!other.order(job.park()).hasError()).isEqualTo(saves);
            int calls = other.cards.calls().size();
            CommandResult moved = other.order(job.unpark(other.uuids().subList(1, 2)));
            assertThat(!moved.hasError()).as(moved.toString()).isEqualTo(maps);
            if (!maps) {
                assertThat(moved.getError().getMessage()).contains("maps need driver 580");
                assertThat(other.cards.calls()).as("it was not asked").hasSize(calls);
                other.succeed(job.unpark(other.uuids().subList(0, 1)));
            }
            job.awaitSteps(other, 2);
            other.succeed(job.kill());
        }
    }
}
