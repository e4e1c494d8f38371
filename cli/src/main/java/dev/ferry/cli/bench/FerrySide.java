package dev.ferry.cli.bench;

import dev.ferry.cli.Client;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.ReadLogRequest;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.SignalJobRequest;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

/** A cluster of two nodes with what is done to it in a benchmark. */
final class FerrySide implements AutoCloseable {
    static final int CHANGE_ONE_PERCENT = 10;
    private static final Duration LONG = Duration.ofMinutes(10);

    /** Seldom: who looks takes time from what is measured. */
    private static final Duration LOOK = Duration.ofMillis(200);

    /** Large jobs take all that a small machine has: nobody is to take a slow daemon for a dead one. */
    private static final Map<String, String> PATIENT = Map.of("nodeTimeout", "1m", "lease", "5m");

    private final LocalCluster cluster;
    private final Client client;
    private final Path program;
    private final Path store;

    /**
     * @param program of the workload; not looked at where only other programs are run
     */
    private FerrySide(LocalCluster cluster, Path program, Path store) {
        this.cluster = cluster;
        this.program = program;
        this.store = store;
        client = new Client(cluster.server());
    }

    static FerrySide start(Path folder, Path program) throws IOException {
        LocalCluster cluster = LocalCluster.start(new LocalCluster.Plan(folder, 2, "", "127.0.0.1:0", "127.0.0.1:0", PATIENT));
        return new FerrySide(cluster, program, folder.resolve("store"));
    }

    /**
     * One node on the machine's own network, as machines without the program ip have it.
     *
     * @param gpus what its GPUs are played by; empty: the machine's own
     */
    static FerrySide alone(Path folder, String gpus, Map<String, String> nodeSettings) throws IOException {
        LocalCluster.Plan plan = new LocalCluster.Plan(folder, 1, "", "127.0.0.1:0", "127.0.0.1:0", PATIENT, gpus, Optional.empty(), nodeSettings, false);
        return new FerrySide(LocalCluster.start(plan), folder, folder.resolve("store"));
    }

    /** What the first node says of itself. */
    Node firstNode() {
        return client.ask(stub -> stub.getNode(GetNodeRequest.newBuilder().setNode(LocalCluster.nodeName(1)).build()));
    }

    /** A job stands still until that is closed. */
    StandStill standStill(Job job) throws IOException {
        return StandStill.of(cluster.jobProcesses(LocalCluster.nodeNumber(job.getNode()), job.getId()));
    }

    LocalCluster cluster() {
        return cluster;
    }

    /** Starts the workload and waits until its memory is filled. */
    Job run(Load load) {
        JobSpec spec =
                JobSpec.newBuilder()
                        .addAllCommand(load.command("/bench/" + program.getFileName()))
                        .setMemoryBytes(load.limit())
                        .addMounts(Mount.newBuilder().setSource(String.valueOf(program.getParent())).setDestination("/bench").setReadOnly(true))
                        .build();
        return run(spec, LONG);
    }

    /** Starts a job and waits until it has written a few lines. */
    Job run(JobSpec spec, Duration atMost) {
        Job job = client.ask(stub -> stub.runJob(RunJobRequest.newBuilder().setSpec(spec).build()));
        await("the workload fills its memory", atMost, () -> {
            Job now = job(job);
            if (now.getState() != JobState.RUNNING && now.getState() != JobState.PENDING && now.getState() != JobState.STARTING) {
                throw new FerryException(ErrorCode.START_FAILED, "The workload is " + now.getState() + ": " + now.getError().getMessage() + String.join(" ", log(now)));
            }
            return now.getState() == JobState.RUNNING && now.getOperation().isEmpty() && log(job).size() > 3;
        });
        return job(job);
    }

    Job job(Job job) {
        return client.ask(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(job.getId()).build()));
    }

    Operation checkpoint(Job job) {
        return succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
    }

    Operation migrate(Job job, boolean live) {
        return succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setLive(live).build()));
    }

    Operation beginLive(Job job) {
        return client.ask(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setLive(true).build()));
    }

    Operation suspend(Job job, boolean park) {
        return succeed(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).setPark(park).build()));
    }

    Operation resume(Job job) {
        return succeed(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).build()));
    }

    /** Suspends the job and brings it back on its node; the second operation. */
    Operation suspendAndResume(Job job) {
        Operation ignored = succeed(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(job.getId()).build()));
        return succeed(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job.getId()).setNode(job.getNode()).build()));
    }

    void cancel(Job job) {
        Operation ignored = succeed(stub -> stub.cancelJob(CancelJobRequest.newBuilder().setJob(job.getId()).build()));
    }

    /** Lets the workload write to a hundredth of its memory, and waits until it has. */
    void changeOnePercent(Job job) {
        long before = pages(job);
        Job ignored = client.ask(stub -> stub.signalJob(SignalJobRequest.newBuilder().setJob(job.getId()).setSignal(CHANGE_ONE_PERCENT).build()));
        await("the workload has changed its memory", () -> pages(job) > before);
    }

    private long pages(Job job) {
        return Long.parseLong(log(job).getLast().split(" ")[3]);
    }

    Image image(Operation operation) {
        return client.ask(stub -> stub.getImage(GetImageRequest.newBuilder().setImage(operation.getImage()).build())).getImage();
    }

    private Operation succeed(Function<FerryGrpc.FerryBlockingStub, Operation> call) {
        return end(client.ask(call));
    }

    /** Waits for the end of an operation, which must be a good one. */
    Operation end(Operation begun) {
        return end(begun, told -> {});
    }

    /**
     * Waits for an operation's end.
     *
     * @param told of each change
     * @throws FerryException with its error when it does not succeed
     */
    Operation end(Operation begun, Consumer<Operation> told) {
        Operation ended = client.follow(stub -> stub.watchOperation(GetOperationRequest.newBuilder().setOperation(begun.getId()).build()), told);
        if (ended.getState() != OperationState.SUCCEEDED) {
            throw new FerryException(ended.getError());
        }
        return ended;
    }

    /** Whole lines of a job's log. */
    List<String> log(Job job) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        client.each(stub -> stub.readLog(ReadLogRequest.newBuilder().setJob(job.getId()).build()), (LogChunk piece) -> bytes.writeBytes(piece.getData().toByteArray()));
        String text = bytes.toString(StandardCharsets.UTF_8);
        return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
    }

    /** Seconds from the begin to the end of a step. */
    static double seconds(Operation operation, String name) {
        return operation.getStepsList().stream().filter(step -> step.getName().equals(name)).mapToLong(step -> step.getEndedAt() - step.getStartedAt()).sum() / 1e3;
    }

    static boolean hasStep(Operation operation, String name) {
        return operation.getStepsList().stream().map(Step::getName).anyMatch(name::equals);
    }

    /** Bytes of all objects in the store. */
    long storeBytes() throws IOException {
        try (Stream<Path> files = Files.walk(store)) {
            return files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
        }
    }

    static void await(String what, BooleanSupplier condition) {
        await(what, LONG, condition);
    }

    /**
     * @throws FerryException DEADLINE_EXCEEDED, or CANCELLED when the thread is interrupted
     */
    static void await(String what, Duration atMost, BooleanSupplier condition) {
        long end = System.nanoTime() + atMost.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "It took more than " + Durations.format(atMost) + " until " + what);
            }
            if (Thread.currentThread().isInterrupted()) {
                throw new FerryException(ErrorCode.CANCELLED, "Interrupted before " + what);
            }
            LockSupport.parkNanos(LOOK.toNanos());
        }
    }

    @Override
    public void close() throws IOException {
        client.close();
        cluster.close();
    }
}
