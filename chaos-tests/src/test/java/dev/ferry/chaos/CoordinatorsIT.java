package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.cli.Client;
import dev.ferry.coordinator.store.PostgresServer;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Server;
import dev.ferry.proto.v1.StepState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two coordinators on a real database, with real daemons and jobs: the one that leads is killed or stopped in the middle of a migration. */
class CoordinatorsIT {
    private static final Duration FAIL_OVER = Duration.ofSeconds(10);
    private static final Duration LOOK = Duration.ofMillis(20);
    /** Enough that its dump has not ended when the coordinator is killed. */
    private static final int MEBIBYTES = 128;

    @TempDir Path folder;
    private PostgresServer server;
    private Scene scene;
    private Witness witness;

    @BeforeEach
    void open() throws Exception {
        server = PostgresServer.start();
        // The term is the one that is the default.
        String database = "{url: \"" + server.newDatabase() + "\", user: " + server.user() + "}";
        scene = Scene.ofTwoCoordinators(folder.resolve("cluster"), Map.of("database", database, "nodeTimeout", "10s"));
        witness = new Witness(folder.resolve("witness"));
    }

    @AfterEach
    void close() throws Exception {
        try (PostgresServer ignored = server) {
            scene.close();
        }
    }

    private static void signal(String signal, int coordinator, Scene scene) throws Exception {
        assertThat(new ProcessBuilder("kill", "-" + signal, Long.toString(scene.cluster.coordinator(coordinator).pid())).start().waitFor()).isZero();
    }

    /**
     * Waits until another coordinator answers as the one that leads, and looks in its own record since when it does.
     *
     * @param since when the one before was ended, in milliseconds since 1970
     */
    private void assertLeads(int coordinator, long epoch, long since, String after) {
        await().pollInterval(LOOK).atMost(Scene.SOON).until(() -> scene.cluster.leads(coordinator).isPresent());
        long answered = System.currentTimeMillis() - since;
        Server leader = scene.cluster.leads(coordinator).orElseThrow();
        long led = leader.getStartedAt() - since;
        System.out.println("fail-over after " + after + ": the other one led after " + led + " ms, and had answered a new client after " + answered + " ms");
        assertThat(leader.getEpoch()).isEqualTo(epoch);
        assertThat(Duration.ofMillis(led)).isPositive().isLessThan(FAIL_OVER);
    }

    /** The other end of the operation: it went on where it stood, and the witness saw one life at a time. */
    private void assertWentOn(Job before, Operation begun, long since, String after) throws Exception {
        Operation ended = scene.awaitEnd(begun);
        System.out.println("fail-over after " + after + ": the migration ended " + (System.currentTimeMillis() - since) + " ms after it");
        assertThat(ended.getState()).as(ended.toString()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(ended.getStepsList()).as(ended.toString()).allSatisfy(step -> assertThat(step.getState()).isEqualTo(StepState.STEP_DONE));
        Job moved = scene.awaitState(before.getId(), JobState.RUNNING);
        assertThat(moved.getIncarnation()).isEqualTo(before.getIncarnation() + 1);
        assertThat(moved.getNode()).isNotEqualTo(before.getNode());
        assertGoesOn();
        witness.assertNoGapAndNoRepeat();
        assertThat(scene.nodesWith(before.getId())).containsExactly(Scene.nodeNumber(moved.getNode()));
    }

    private void assertGoesOn() throws Exception {
        long before = witness.last().number();
        await().atMost(Scene.SOON).until(() -> witness.last().number() > before + 20);
    }

    private List<Operation> operations(Job job) {
        return scene.ask(stub -> stub.listOperations(ListOperationsRequest.newBuilder().setJob(job.getId()).build())).getOperationsList();
    }

    @Test
    void aMigrationGoesOnWithTheNextLeaderAndADeposedOneChangesNothing() throws Exception {
        Job job = scene.run(witness.job(MEBIBYTES));
        assertThat(scene.cluster.leader()).isEqualTo(1);
        assertThat(scene.cluster.leads(2)).as("it stands by").isEmpty();

        Operation first = scene.migrate(job.getId());
        assertThat(scene.awaitStep(first, "DUMP")).isTrue();
        long killed = System.currentTimeMillis();
        scene.cluster.coordinator(1).kill();
        assertLeads(2, 2, killed, "kill -9");
        assertWentOn(job, first, killed, "kill -9");
        assertThat(scene.operation(first.getId()).getEndedAt()).as("it was open when its coordinator was killed").isGreaterThan(killed);

        scene.cluster.startCoordinator(1);
        assertThat(scene.cluster.leads(1)).as("it stands by").isEmpty();
        assertThat(scene.cluster.leads(2)).map(Server::getEpoch).hasValue(2L);
        Job moved = scene.job(job.getId());
        Operation second = scene.migrate(job.getId());
        CountDownLatch watches = new CountDownLatch(1);
        CompletableFuture<Operation> watched = CompletableFuture.supplyAsync(() -> watch(second, watches));
        assertThat(watches.await(Scene.SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(scene.awaitStep(second, "DUMP")).isTrue();
        long stopped = System.currentTimeMillis();
        signal("STOP", 2, scene);
        assertLeads(1, 3, stopped, "SIGSTOP");
        scene.reconnect();
        assertWentOn(moved, second, stopped, "SIGSTOP");
        assertThat(watched.get(Scene.SOON.toSeconds(), TimeUnit.SECONDS).getState()).as("what a command line sees that waits for it").isEqualTo(OperationState.SUCCEEDED);

        Job settled = scene.job(job.getId());
        List<Operation> done = operations(job);
        // What the daemons told it before it was stopped, and what it was about to write itself, it takes up now.
        signal("CONT", 2, scene);
        await().atMost(Scene.SOON).until(() -> says(2, "no longer leads"));
        assertThat(scene.cluster.leads(2)).isEmpty();
        assertThat(scene.cluster.leads(1)).as("still the same").map(Server::getEpoch).hasValue(3L);
        assertThat(operations(job)).isEqualTo(done);
        assertThat(scene.job(job.getId())).isEqualTo(settled);
        assertGoesOn();
        witness.assertNoGapAndNoRepeat();
        scene.cancel(job.getId());
    }

    private Operation watch(Operation begun, CountDownLatch watches) {
        try (Client client = new Client(scene.cluster.server())) {
            return client.follow(stub -> stub.watchOperation(GetOperationRequest.newBuilder().setOperation(begun.getId()).build()), now -> watches.countDown());
        }
    }

    private boolean says(int coordinator, String words) throws Exception {
        return Files.readString(scene.cluster.logOf("coordinator-" + coordinator)).contains(words);
    }
}
