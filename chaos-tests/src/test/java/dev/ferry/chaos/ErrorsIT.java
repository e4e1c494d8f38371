package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.Main;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import dev.ferry.proto.v1.VerifyImageResponse;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong is named, nothing is lost by it, and no job is left in between. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ErrorsIT {
    private static final String SMALL = "size=64m";
    private static final String LARGE = "size=2g";

    @TempDir static Path folder;
    private Path store;
    private Scene scene;

    /** The store is a file system of its own, that can be full. */
    @BeforeAll
    void open() throws Exception {
        store = Files.createDirectory(folder.resolve("small-store"));
        must("mount", "-t", "tmpfs", "-o", LARGE, "ferry-test-store", store.toString());
        // Without caches: a chunk that is damaged in the store would come from one.
        scene = new Scene(folder.resolve("cluster"), "file://" + store, "", Duration.ofSeconds(2), Map.of(), Optional.empty(), Map.of("chunkCache", "0"));
    }

    @AfterAll
    void close() throws Exception {
        try {
            if (scene != null) {
                scene.close();
            }
        } finally {
            must("umount", store.toString());
        }
    }

    private static void must(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as("%s: %s", String.join(" ", command), said).isZero();
    }

    @Test
    void aCommandThatDoesNotExist() {
        Job job = scene.submit(JobSpec.newBuilder().addCommand("/no/such/program"));
        Job failed = scene.awaitState(job.getId(), JobState.FAILED);
        assertThat(failed.getError().getCode()).isEqualTo(ErrorCode.COMMAND_NOT_FOUND);
        assertThat(failed.getError().getMessage()).contains("/no/such/program");
        assertThat(failed.getExitStatus()).isEqualTo(127);
        assertThat(scene.nodesWith(job.getId())).isEmpty();
    }

    @Test
    void aMountThatIsNotThere() {
        Job job = scene.submit(JobSpec.newBuilder().addCommand("/bin/true").addMounts(Mount.newBuilder().setSource("/no/such/folder").setDestination("/data")));
        Job failed = scene.awaitState(job.getId(), JobState.FAILED);
        assertThat(failed.getError().getCode()).isEqualTo(ErrorCode.MOUNT_REFUSED);
        assertThat(failed.getError().getMessage()).contains("/no/such/folder");
    }

    @Test
    void aFullStoreInTheMiddleOfADump() throws Exception {
        Job job = scene.run("rich.py", 512, "256");
        must("mount", "-o", "remount," + SMALL, store.toString());
        try {
            Operation failed = scene.fail(ErrorCode.STORE_FULL, stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
            assertThat(failed.getError().getMessage()).contains(store.toString());
            scene.assertRunsOnceWithoutGap(job.getId());
            assertThat(scene.job(job.getId()).getIncarnation()).isOne();
        } finally {
            must("mount", "-o", "remount," + LARGE, store.toString());
        }
        scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    @Test
    void aCorruptChunkIsNamedAndNothingIsStarted() throws Exception {
        Job job = scene.run("counter.py", 256);
        scene.succeed(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build()));
        List<Path> packs;
        try (Stream<Path> files = Files.list(store.resolve("packs").resolve(job.getId()))) {
            packs = files.toList();
        }
        flip(packs);
        Operation failed = scene.fail(ErrorCode.CHUNK_CORRUPT, stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(failed.getError().getMessage()).contains("packs/" + job.getId());
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.SUSPENDED);
        assertThat(scene.nodesWith(job.getId())).isEmpty();
        VerifyImageResponse verified = scene.ask(stub -> stub.verifyImage(GetImageRequest.newBuilder().setImage(scene.job(job.getId()).getLatestImage()).build()));
        assertThat(verified.getDamageList()).isNotEmpty();
        flip(packs);
        scene.succeed(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build()));
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    private int ferry(String... words) {
        return Main.commandLine().execute(Stream.concat(Stream.of(words), Stream.of("--server", scene.cluster.server())).toArray(String[]::new));
    }

    @Test
    void anImageGoesOutAsAFileAndItsCopyRunsBesideTheJob() throws Exception {
        Job job = scene.run("counter.py", 256);
        scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        String image = scene.job(job.getId()).getLatestImage();
        Path file = folder.resolve("counter.ferry");
        assertThat(ferry("image", "export", image, "--to", file.toString())).isZero();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
        assertThat(ferry("image", "export", image, "--to", file.toString())).as("a file that is there").isEqualTo(Main.statusOf(new FerryException(ErrorCode.INVALID_ARGUMENT, "")));

        Path damaged = folder.resolve("damaged.ferry");
        Files.copy(file, damaged);
        try (RandomAccessFile bytes = new RandomAccessFile(damaged.toFile(), "rw")) {
            bytes.setLength(bytes.length() - 100);
        }
        assertThat(ferry("image", "import", damaged.toString(), "--name", "copy")).isEqualTo(Main.statusOf(new FerryException(ErrorCode.IMAGE_FILE_CORRUPT, "")));
        assertThat(ferry("image", "import", file.toString(), "--name", "copy")).isZero();
        Job copy = scene.job("copy");
        assertThat(copy.getState()).isEqualTo(JobState.SUSPENDED);
        scene.succeed(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(copy.getId()).build()));
        scene.assertRunsOnceWithoutGap(copy.getId());
        scene.assertRunsOnceWithoutGap(job.getId());
        assertThat(scene.job(job.getId()).getIncarnation()).isOne();
        scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(copy.getId()).build()));
        scene.assertRunsOnceWithoutGap(copy.getId());

        Path criu = folder.resolve("counter.criu");
        assertThat(ferry("image", "export", image, "--to", criu.toString(), "--criu")).isZero();
        // IMG_COMMON_MAGIC and PSTREE_MAGIC of CRIU's include/magic.h.
        assertThat(ByteBuffer.wrap(Files.readAllBytes(criu.resolve("pstree.img"))).order(ByteOrder.LITTLE_ENDIAN).getLong()).isEqualTo(0x5027303054564319L);
        assertThat(criu.resolve("pages-1.img")).isNotEmptyFile();
        assertThat(ferry("image", "import", criu.toString())).isEqualTo(Main.statusOf(new FerryException(ErrorCode.INVALID_ARGUMENT, "")));
        scene.cancel(copy.getId());
        scene.cancel(job.getId());
    }

    /** Every 4096th byte, so that it also undoes itself. */
    private static void flip(List<Path> files) throws IOException {
        for (Path file : files) {
            byte[] content = Files.readAllBytes(file);
            for (int at = 100; at < content.length; at += 4096) {
                content[at] ^= 0x55;
            }
            Files.write(file, content);
        }
    }

    @Test
    void aNodeThatIsFull() {
        Job job = scene.run("counter.py", 256);
        int other = 3 - Scene.nodeNumber(job.getNode());
        Node target = node(other);
        Job filler = scene.submit(JobSpec.newBuilder().addCommand("/bin/sleep").addCommand("600").setNode(target.getName()).setCpuMillis(target.getCapacity().getCpuMillis()));
        Job filling = scene.awaitState(filler.getId(), JobState.RUNNING);
        assertThat(filling.getNode()).isEqualTo(target.getName());
        Operation failed = scene.fail(ErrorCode.NO_CAPACITY, stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(failed.getError().getMessage()).contains(target.getName(), "CPU");
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(filler.getId());
        scene.cancel(job.getId());
    }

    private Node node(int number) {
        return scene.ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance())).getNodesList().stream().filter(node -> Scene.nodeNumber(node.getName()) == number).findFirst().orElseThrow();
    }

    @Test
    void aNodeThatIsDownAndItsJobsThatRunOn() throws Exception {
        Job job = scene.run("counter.py", 256);
        int number = Scene.nodeNumber(job.getNode());
        scene.cluster.node(number).kill();
        await().atMost(Scene.SOON).until(() -> node(number).getState() == NodeState.DOWN);
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.UNREACHABLE);
        assertThat(scene.job(job.getId()).getReason()).contains(job.getNode());
        assertThat(scene.nodesWith(job.getId())).containsExactly(number);
        scene.cluster.startNode(number);
        scene.assertRunsOnceWithoutGap(job.getId());
        scene.cancel(job.getId());
    }

    @Test
    void theExitStatusOfAJobThatEndedWhileItsDaemonWasDown() throws Exception {
        Path control = Files.createDirectories(folder.resolve("control"));
        JobSpec.Builder spec =
                JobSpec.newBuilder()
                        .addAllCommand(List.of("sh", "-c", "i=0; while [ ! -e /control/end ]; do echo step $i; i=$((i+1)); sleep 0.05; done; exit 3"))
                        .addMounts(Mount.newBuilder().setSource(control.toString()).setDestination("/control").setReadOnly(true));
        Job job = scene.run(spec);
        int number = Scene.nodeNumber(job.getNode());
        scene.cluster.node(number).kill();
        Files.createFile(control.resolve("end"));
        await().atMost(Scene.SOON).until(() -> scene.nodesWith(job.getId()).isEmpty());
        scene.cluster.startNode(number);
        assertThat(scene.awaitState(job.getId(), JobState.EXITED).getExitStatus()).isEqualTo(3);
        assertThat(scene.log(job.getId())).hasSizeGreaterThan(3).startsWith("step 0");
    }

    @Test
    void aRestoreFromAnOlderImageKeepsWhatItCutsFromTheLog() throws Exception {
        Job job = scene.run("counter.py", 256);
        scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        int atCheckpoint = scene.log(job.getId()).size();
        await().atMost(Scene.SOON).until(() -> scene.log(job.getId()).size() > atCheckpoint + 20);
        int number = Scene.nodeNumber(job.getNode());
        scene.cluster.node(number).kill();
        scene.cluster.jobProcesses(number, job.getId()).forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
        scene.cluster.startNode(number);
        assertThat(scene.awaitState(job.getId(), JobState.LOST).getReason()).isNotEmpty();
        scene.succeed(stub -> stub.restoreJob(dev.ferry.proto.v1.RestoreJobRequest.newBuilder().setJobOrImage(job.getId()).setNode(job.getNode()).build()));
        scene.assertRunsOnceWithoutGap(job.getId());
        try (Stream<Path> files = Files.walk(scene.cluster.nodeData(number))) {
            assertThat(files.filter(file -> file.toString().contains(job.getId()) && file.getFileName().toString().contains("cut"))).isNotEmpty();
        }
        scene.cancel(job.getId());
    }

    @Test
    void aJobThatIsCancelledWhileItIsMoved() {
        Job job = scene.run("rich.py", 512, "128");
        Operation move = scene.migrate(job.getId());
        Operation[] cancelled = new Operation[1];
        await().atMost(Scene.SOON).ignoreExceptions().until(() -> {
            cancelled[0] = scene.ask(stub -> stub.cancelJob(CancelJobRequest.newBuilder().setJob(job.getId()).build()));
            return true;
        });
        assertThat(scene.awaitEnd(move).getState()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(scene.awaitEnd(cancelled[0]).getState()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(scene.nodesWith(job.getId())).isEmpty();
        assertThat(scene.job(job.getId()).getState()).isEqualTo(JobState.CANCELLED_JOB);
    }
}
