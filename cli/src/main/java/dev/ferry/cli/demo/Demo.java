package dev.ferry.cli.demo;

import dev.ferry.cli.Client;
import dev.ferry.cli.cluster.CleanEnd;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.DeclareNodeDeadRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.RestoreJobRequest;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The demonstration. One training is checkpointed, migrated, suspended, resumed and, after its node's
 * daemon and its processes were killed, restored; beside it the same training runs alone. At the end the
 * weights of both are compared.
 */
public final class Demo {
    static final int STEPS = 600;
    private static final int CHECKPOINT_AT = 80;
    private static final int MIGRATE_AT = 180;
    private static final int SUSPEND_AT = 280;
    private static final int SAVE_AT = 380;
    private static final int KILL_AT = 440;
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final Duration STREAM_ENDS = Duration.ofSeconds(10);

    private final DemoScreen screen;
    private final LocalCluster cluster;
    private final Client client;
    private final Path out;
    private final List<DemoReport.Move> moves = new ArrayList<>();
    private String job = "";

    private Demo(DemoScreen screen, LocalCluster cluster, Client client, Path out) {
        this.screen = screen;
        this.cluster = cluster;
        this.client = client;
        this.out = out;
    }

    /**
     * Runs it all and cleans up.
     *
     * @param json print one document to standard output and nothing else there
     * @return whether the weights are equal
     */
    public static boolean run(boolean json) throws Exception {
        LocalCluster.requireRoot();
        Path folder = Files.createTempDirectory("ferry-demo-");
        CleanEnd end = CleanEnd.interrupting();
        DemoScreen screen = new DemoScreen(json ? System.err : System.out);
        try {
            DemoReport report = play(screen, folder);
            screen.end();
            if (json) {
                System.out.println(report.toJson());
            } else {
                System.out.print(report.toText());
            }
            return report.equal();
        } finally {
            delete(folder);
            end.close();
        }
    }

    private static DemoReport play(DemoScreen screen, Path folder) throws Exception {
        long began = System.nanoTime();
        screen.say("starting a coordinator and two nodes, each node in a network namespace of its own ...");
        Path out = Files.createDirectories(folder.resolve("out"));
        Map<String, String> quick = Map.of("heartbeat", "500ms", "nodeTimeout", "3s");
        LocalCluster.Plan plan = new LocalCluster.Plan(folder.resolve("cluster"), 2, "", "127.0.0.1:0", "127.0.0.1:0", quick);
        try (LocalCluster cluster = LocalCluster.start(plan);
                Client client = new Client(cluster.server());
                Reference reference = Reference.start(out.resolve("alone.weights"), STEPS)) {
            screen.say("the coordinator is at " + cluster.server() + "; the same training runs alone beside, as the measure");
            Demo demo = new Demo(screen, cluster, client, out);
            demo.moveAbout();
            String moved = Weights.sha256(out.resolve("moved.weights"));
            String alone = reference.await(PATIENCE);
            return new DemoReport(demo.moves, alone, moved, STEPS, Duration.ofNanos(System.nanoTime() - began));
        }
    }

    private void moveAbout() throws Exception {
        job = client.ask(stub -> stub.runJob(RunJobRequest.newBuilder().setSpec(spec()).build())).getId();
        Thread log = Thread.ofPlatform().daemon().name("log").start(() -> screen.follow(client, job));
        awaitStep(CHECKPOINT_AT);
        move("checkpoint, it runs on", stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job).build()));
        awaitStep(MIGRATE_AT);
        move("migrate to the other node", stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job).build()));
        awaitStep(SUSPEND_AT);
        move("suspend", stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(job).build()));
        move("resume", stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job).build()));
        awaitStep(SAVE_AT);
        move("checkpoint, it runs on", stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job).build()));
        awaitStep(KILL_AT);
        killItsNode();
        move("restore from the stored image", stub -> stub.restoreJob(RestoreJobRequest.newBuilder().setJobOrImage(job).build()));
        awaitEnd();
        log.join(Duration.ofSeconds(10));
    }

    private JobSpec spec() {
        return JobSpec.newBuilder()
                .setName("training")
                .addAllCommand(Reference.command("/demo", "/out/moved.weights", STEPS))
                .setMemoryBytes(2L << 30)
                .addMounts(Mount.newBuilder().setSource(Reference.program().toString()).setDestination("/demo").setReadOnly(true))
                .addMounts(Mount.newBuilder().setSource(out.toString()).setDestination("/out"))
                .build();
    }

    private void awaitStep(int step) throws InterruptedException {
        if (!screen.awaitStep(step, PATIENCE)) {
            Job now = current();
            throw new FerryException(
                    ErrorCode.DEADLINE_EXCEEDED,
                    "The training did not come to step " + step + " within " + PATIENCE.toSeconds() + " s; it is " + now.getState() + " at step " + screen.lastStep() + " " + now.getReason() + now.getError().getMessage());
        }
    }

    private Job current() {
        return client.ask(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(job).build()));
    }

    private void move(String title, Function<FerryGrpc.FerryBlockingStub, Operation> request) {
        Operation begun = client.ask(request);
        screen.begin(title, begun);
        Operation ended = client.follow(stub -> stub.watchOperation(GetOperationRequest.newBuilder().setOperation(begun.getId()).build()), screen::operation);
        if (ended.getState() != OperationState.SUCCEEDED) {
            throw new FerryException(ended.getError());
        }
        boolean saved = ended.getStepsList().stream().anyMatch(step -> step.getName().equals("DUMP"));
        Optional<Image> image =
                saved ? Optional.of(client.ask(stub -> stub.getImage(GetImageRequest.newBuilder().setImage(ended.getImage()).build())).getImage()) : Optional.empty();
        moves.add(new DemoReport.Move(title, screen.lastStep(), ended, image));
        screen.ended(current());
    }

    /** What a power failure does to a node: its daemon and the job's processes are gone at once. */
    private void killItsNode() throws InterruptedException {
        Job now = current();
        int node = now.getNode().equals(LocalCluster.nodeName(1)) ? 1 : 2;
        cluster.node(node).kill();
        List<Integer> processes = cluster.jobProcesses(node, job);
        processes.forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
        screen.say("kill -9: the daemon of " + now.getNode() + " and the " + processes.size() + " processes of the job are gone, at step " + screen.lastStep());
        declareDead(now.getNode());
        screen.say(now.getNode() + " is declared dead: with this word on record the job may live again elsewhere");
    }

    /** The coordinator refuses the word while the killed daemon's stream still looks open to it, which on a busy machine is a moment. */
    private void declareDead(String node) throws InterruptedException {
        long end = System.nanoTime() + STREAM_ENDS.toNanos();
        while (true) {
            try {
                client.ask(stub -> stub.declareNodeDead(DeclareNodeDeadRequest.newBuilder().setNode(node).setChecked(true).build()));
                return;
            } catch (FerryException refused) {
                if (refused.code() != ErrorCode.WRONG_STATE || System.nanoTime() > end) {
                    throw refused;
                }
                TimeUnit.MILLISECONDS.sleep(50);
            }
        }
    }

    private void awaitEnd() {
        Job ended = client.follow(stub -> stub.watchJob(GetJobRequest.newBuilder().setJob(job).build()), told -> {});
        if (!ended.hasExitStatus() || ended.getExitStatus() != 0) {
            throw new FerryException(ErrorCode.JOB_LOST, "The training ended with " + ended.getState() + " " + ended.getExitStatus() + " " + ended.getReason());
        }
    }

    private static void delete(Path folder) throws IOException {
        Files.walkFileTree(
                folder,
                new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                        Files.deleteIfExists(file);
                        return FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure) throws IOException {
                        Files.deleteIfExists(visited);
                        return FileVisitResult.CONTINUE;
                    }
                });
    }
}
