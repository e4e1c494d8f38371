package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.chaos.CriuProcesses;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListImagesRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.ResumeJobRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Programs that ran on the machine and were dumped by hand with criu, as jobs: as one would come to Ferry from there. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CriuDumpIT {
    private static final long LOOK_NANOS = 1_000_000;
    private static final int STATUS = 7;
    /** Holds memory, so that its restore takes a moment, counts in a file that it has open, and ends when it is told to. */
    private static final String PROGRAM =
            """
            import os, sys, time
            memory = bytearray(os.urandom(48 << 20))
            step = 0
            while not os.path.exists("stop"):
                print("step", step, flush=True)
                step += 1
                time.sleep(0.05)
            sys.exit(7)
            """;

    private static final Pattern IMPORTED = Pattern.compile("job (j-[a-z2-9]{8}) \\(([^)]*)\\) is suspended");

    @TempDir static Path folder;
    private Scene scene;

    @BeforeAll
    void open() throws Exception {
        scene = new Scene(folder.resolve("cluster"));
    }

    @AfterAll
    void close() throws Exception {
        scene.close();
    }

    private record Answer(int status, String text) {}

    private static Answer run(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Answer(process.waitFor(), text);
    }

    private Answer load(Path dump, Path work, String name) throws Exception {
        return run(UpIT.command("image", "import", dump.toString(), "--criu", "--name", name, "--workdir", work.toString(), "--memory", "256MiB", "--server", scene.cluster.server()));
    }

    private static List<String> steps(Path work) throws IOException {
        String text = Files.readString(work.resolve("out.log"));
        return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
    }

    /** Starts the program on the machine as the leader of a session, lets it count, and dumps it by hand; it is gone then. */
    private static Path dump(Path work) throws Exception {
        return dump(work, List.of("setsid", "/usr/bin/python3", "count.py"), ProcessHandle::of);
    }

    /**
     * As {@link #dump(Path)}, from a shell that leads the session. It is a session of the test's own: that of the test may have its leader in
     * another PID namespace, and CRIU refuses those.
     */
    private static Path dumpFromShell(Path work) throws Exception {
        return dump(work, List.of("setsid", "sh", "-c", "/usr/bin/python3 count.py & wait"), shell -> ProcessHandle.of(shell).orElseThrow().children().findFirst(), "--shell-job");
    }

    private static Path dump(Path work, List<String> command, LongFunction<Optional<ProcessHandle>> counter, String... options) throws Exception {
        Files.createDirectories(work);
        Files.writeString(work.resolve("count.py"), PROGRAM);
        Process program = new ProcessBuilder(command).directory(work.toFile()).redirectInput(Path.of("/dev/null").toFile()).redirectErrorStream(true).redirectOutput(work.resolve("out.log").toFile()).start();
        try {
            await().atMost(Scene.SOON).until(() -> steps(work).size() > 5);
            Path dump = Files.createDirectories(work.resolveSibling(work.getFileName() + ".dump"));
            List<String> criu = new ArrayList<>(List.of(CriuBinary.find(null).path().toString(), "dump", "-t", Long.toString(counter.apply(program.pid()).orElseThrow().pid()), "-D", dump.toString(), "-o", "dump.log"));
            criu.addAll(List.of(options));
            Answer dumped = run(criu);
            assertThat(dumped.status()).as("%s%s", dumped.text(), Files.readString(dump.resolve("dump.log"))).isZero();
            assertThat(program.waitFor(10, TimeUnit.SECONDS)).as("criu has killed what it dumped").isTrue();
            return dump;
        } finally {
            program.descendants().forEach(ProcessHandle::destroyForcibly);
            program.destroyForcibly();
        }
    }

    private String imported(Path dump, Path work, String name) throws Exception {
        Answer answer = load(dump, work, name);
        assertThat(answer.status()).as(answer.text()).isZero();
        Matcher said = IMPORTED.matcher(answer.text());
        assertThat(said.find()).as(answer.text()).isTrue();
        assertThat(said.group(2)).isEqualTo(name);
        try (Stream<Path> beside = Files.list(dump.getParent())) {
            assertThat(beside.map(path -> path.getFileName().toString())).noneMatch(path -> path.startsWith(".ferry-import"));
        }
        Job job = scene.job(said.group(1));
        assertThat(job.getState()).isEqualTo(JobState.SUSPENDED);
        return job.getId();
    }

    private Operation resume(String job) {
        return scene.begin(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job).build()));
    }

    private void assertCountsOnWithoutGap(String job, Path work) throws Exception {
        int before = steps(work).size();
        await().atMost(Scene.SOON).until(() -> steps(work).size() > before + 3);
        List<String> steps = steps(work);
        assertThat(steps).isEqualTo(IntStream.range(0, steps.size()).mapToObj(step -> "step " + step).toList());
        assertThat(scene.nodesWith(job)).containsExactly(Scene.nodeNumber(scene.job(job).getNode()));
    }

    /** Lines of what the kernel says of its rights. */
    private static List<String> rights(long pid) throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
            return lines.filter(line -> line.startsWith("Cap") || line.startsWith("NoNewPrivs") || line.startsWith("Seccomp")).toList();
        }
    }

    /** The time namespace, in which the clocks that only count up go on where they were. */
    private static Path clocks(long pid) throws IOException {
        return Files.readSymbolicLink(Path.of("/proc", Long.toString(pid), "ns", "time"));
    }

    /** The sandbox's first process, which runc made, and what was restored into it. */
    private void assertLivesAsAJob(String job) throws IOException {
        List<Integer> processes = scene.cluster.jobProcesses(Scene.nodeNumber(scene.job(job).getNode()), job).stream().map(Number::intValue).sorted().toList();
        assertThat(processes).hasSize(2);
        assertThat(rights(processes.get(1))).isEqualTo(rights(processes.get(0))).contains("NoNewPrivs:\t1", "Seccomp:\t2");
        // Of one's own among those of the sandbox CRIU could not make an image.
        assertThat(clocks(processes.get(1))).isEqualTo(clocks(processes.get(0))).isNotEqualTo(clocks(ProcessHandle.current().pid()));
    }

    @Test
    void aProgramOfTheMachineGoesOnAsAJobWhateverIsKilledMeanwhile() throws Exception {
        Path work = folder.resolve("work");
        Path dump = dump(work);
        int counted = steps(work).size();
        String job = imported(dump, work, "counter");
        String twin = imported(dump, work, "twin");

        Operation begun = resume(job);
        killDaemonThatRestores(job);
        Operation ended = scene.awaitEnd(begun);
        if (scene.job(job).getState() == JobState.SUSPENDED) {
            assertThat(scene.nodesWith(job)).as(ended.toString()).isEmpty();
            Operation ignored = scene.succeed(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job).build()));
        }
        Job now = scene.awaitState(job, JobState.RUNNING);
        assertThat(now.getSpec().getCommandList()).singleElement().asString().contains("python3");
        assertCountsOnWithoutGap(job, work);
        assertThat(steps(work).size()).isGreaterThan(counted);
        assertLivesAsAJob(job);

        // The file is not what it was any more: the same dump can't live twice.
        Operation refused = scene.fail(ErrorCode.RESTORE_FILE_CHANGED, stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(twin).build()));
        assertThat(refused.getError().getMessage()).contains(work.resolve("out.log").toString(), "--workdir");
        assertThat(scene.job(twin).getState()).isEqualTo(JobState.SUSPENDED);
        assertThat(scene.nodesWith(twin)).isEmpty();

        // From here on it is a job as any other.
        scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job).build()));
        scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job).build()));
        assertThat(scene.job(job).getNode()).isNotEqualTo(now.getNode());
        assertCountsOnWithoutGap(job, work);
        assertLivesAsAJob(job);
        Files.createFile(work.resolve("stop"));
        assertThat(scene.awaitState(job, JobState.EXITED).getExitStatus()).isEqualTo(STATUS);
    }

    /** kill -9 of the daemon at which criu works for the job, and another one in its place. */
    private void killDaemonThatRestores(String job) throws Exception {
        long end = System.nanoTime() + Scene.SOON.toNanos();
        while (CriuProcesses.working("restore", folder).isEmpty()) {
            assertThat(System.nanoTime()).as("no criu restore was seen").isLessThan(end);
            LockSupport.parkNanos(LOOK_NANOS);
        }
        int node = Scene.nodeNumber(scene.job(job).getNode());
        scene.killNode(node);
    }

    @Test
    void whatCanNotComeIsRefusedBeforeAnythingIsStored() throws Exception {
        Path work = folder.resolve("shell");
        Path dump = dumpFromShell(work);
        Answer answer = load(dump, folder, "refused");
        assertThat(answer.status()).isNotZero();
        assertThat(answer.text()).contains("does not lead a session", "setsid");
        Files.delete(dump.resolve("inventory.img"));
        assertThat(load(dump, folder, "refused").text()).contains("inventory.img", "not finished");
        assertThat(scene.jobs()).noneMatch(job -> job.getSpec().getName().equals("refused"));
        assertThat(scene.ask(stub -> stub.listImages(ListImagesRequest.getDefaultInstance())).getImagesList()).noneMatch(image -> image.getPlainDump() && image.getJob().isEmpty());
    }
}
