package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.node.journal.Journal;
import dev.ferry.node.journal.SpareFiles;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.StartJob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Journals that can't be written, stores that refuse, and what else happens to a daemon in the middle of an order: no job is left in between. */
class JobFaultsIT {
    @TempDir Path folder;
    private TestingGpuNode node;
    private GpuJobs job;
    private final ExecutorService beside = Executors.newSingleThreadExecutor();

    @BeforeEach
    void open() throws Exception {
        node = TestingGpuNode.alone(folder, "10s", "20s");
        job = new GpuJobs(node, 2, "train", "100000", "2", "1");
    }

    @AfterEach
    void close() throws Exception {
        node.close();
        beside.shutdownNow();
    }

    private void start() throws Exception {
        CommandResult ignored = job.start(node, node.uuids());
        job.awaitSteps(node, 3);
    }

    /** The journal is written beside its place first: what is in the way there fails each write, as a full disk does. */
    private void blockTheJournal(boolean blocked) throws Exception {
        Path inTheWay = node.jobFolder(job.id).resolve("journal.new");
        if (blocked) {
            Files.createDirectories(inTheWay.resolve("x"));
        } else {
            Files.delete(inTheWay.resolve("x"));
            Files.delete(inTheWay);
        }
    }

    private long threads(String name) {
        return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().equals(name)).count();
    }

    /** Nobody works for the job, and nobody watches its process. */
    private void awaitRest() {
        await().atMost(TestingGpuNode.SOON).until(() -> threads("job " + job.id) + threads("watch " + job.id) == 0);
    }

    private void awaitState(LocalState state) {
        await().atMost(TestingGpuNode.SOON).until(() -> node.report(job.id).orElseThrow().getState() == state);
    }

    @Test
    void anEndThatCouldNotBeWrittenDownIsWrittenDownLater() throws Exception {
        start();
        blockTheJournal(true);
        node.cgroup(job.id).killAll();
        awaitRest();
        assertThat(node.report(job.id).orElseThrow().getState()).isEqualTo(LocalState.LOCAL_RUNNING);
        blockTheJournal(false);
        awaitState(LocalState.LOCAL_LOST);
        await().atMost(TestingGpuNode.SOON).until(() -> !node.cgroup(job.id).exists());
    }

    @Test
    void anOrderThatCouldNotBeWrittenDownIsRefusedAndNotBegun() throws Exception {
        start();
        blockTheJournal(true);
        CommandResult refused = node.order(job.dump(true));
        assertThat(refused.getError().getMessage()).contains(node.jobFolder(job.id).toString());
        assertThat(refused.getJob().getState()).isEqualTo(LocalState.LOCAL_RUNNING);
        blockTheJournal(false);
        CommandResult dumped = node.succeed(job.dump(true));
        assertThat(dumped.getJob().getState()).isEqualTo(LocalState.LOCAL_FROZEN);
    }

    /** Whoever gave it would give it again at once, as often as it is refused, and hold the job for one that can't be killed. */
    @Test
    void aKillThatCouldNotBeWrittenDownIsDoneLater() throws Exception {
        start();
        blockTheJournal(true);
        Future<CommandResult> answer = beside.submit(() -> node.order(job.kill()));
        await().atMost(TestingGpuNode.SOON).pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(1)).until(() -> threads("job " + job.id) > 0);
        await().atMost(TestingGpuNode.SOON).until(() -> threads("job " + job.id) == 0);
        assertThat(answer.isDone()).isFalse();
        assertThat(node.cgroup(job.id).processes()).isNotEmpty();
        blockTheJournal(false);
        assertThat(answer.get().hasError()).as(answer.get().toString()).isFalse();
        assertThat(answer.get().getJob().getState()).isEqualTo(LocalState.LOCAL_KILLED);
    }

    @Test
    void aParkThatCouldNotBeWrittenDownIsUndone() throws Exception {
        start();
        node.cards.control("fault lock hang 0 1");
        Future<CommandResult> answer = beside.submit(() -> node.order(job.park()));
        await().atMost(TestingGpuNode.SOON).until(() -> record().getGpuMemoryLimit() > 0);
        blockTheJournal(true);
        int before = node.log(job.id).size();
        await().atMost(TestingGpuNode.SOON)
                .until(
                        () -> {
                            // Again and again: the call may hang a moment later only.
                            node.cards.control("release");
                            return node.log(job.id).size() >= before + 20;
                        });
        assertThat(node.cgroup(job.id).isFrozen()).isFalse();
        blockTheJournal(false);
        assertThat(answer.get().hasError()).isTrue();
        assertThat(answer.get().getJob().getState()).isEqualTo(LocalState.LOCAL_RUNNING);
        node.cards.control("clear");
        CommandResult parked = node.succeed(job.park());
        assertThat(parked.getJob().getState()).isEqualTo(LocalState.LOCAL_PARKED);
    }

    /** Whoever ordered it has given it up by then, and would have the job frozen for an image that nobody wants. */
    @Test
    void aDumpWhoseDeadlineIsOverBeforeItIsItsTurnStopsNothing() throws Exception {
        start();
        node.cards.control("fault lock hang 0 1");
        String park = node.begin(job.park(), TestingGpuNode.SOON);
        await().atMost(TestingGpuNode.SOON).until(() -> record().getGpuMemoryLimit() > 0);
        String late = node.begin(job.dump(true), Duration.ofMillis(1));
        Future<CommandResult> dump = beside.submit(() -> node.await(late));
        await().atMost(TestingGpuNode.SOON)
                .until(
                        () -> {
                            node.cards.control("release");
                            return dump.isDone();
                        });
        assertThat(record().getState()).as("%s is over", park).isEqualTo(LocalState.LOCAL_PARKED);
        assertThat(dump.get().getError().getCode()).isEqualTo(ErrorCode.DEADLINE_EXCEEDED);
        assertThat(dump.get().getError().getMessage()).contains("was not stopped");
        node.cards.control("clear");
    }

    private JobJournal record() throws Exception {
        return JobJournal.parseFrom(Files.readAllBytes(node.jobFolder(job.id).resolve("journal")));
    }

    /**
     * The image could not be written, and the GPU state can't come back: nothing of the job can run any more, and it must not be said to. Of a job that was to run on, the image is cut off
     * after its GPU state could not come back.
     */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aJobThatCanNotGoOnAfterADumpIsLostWhateverBecomesOfTheImage(boolean stayFrozen) throws Exception {
        start();
        node.cards.control("fault restore wedge 2 1");
        Path images = Files.createDirectories(folder.resolve("store").resolve("images"));
        Files.writeString(images.resolve(job.id), "in the way");
        CommandResult failed = node.order(job.dump(stayFrozen));
        assertThat(failed.hasError()).isTrue();
        assertThat(failed.getJob().getState()).isEqualTo(LocalState.LOCAL_LOST);
        await().atMost(TestingGpuNode.SOON).until(() -> node.cgroup(job.id).processes().isEmpty());
    }

    @Test
    void aLogThatCanNotBeKeptDoesNotHoldUpTheKill() throws Exception {
        start();
        Files.createDirectories(node.jobFolder(job.id).resolve("log-cut-1").resolve("x"));
        assertThat(node.succeed(job.kill()).getJob().getState()).isEqualTo(LocalState.LOCAL_KILLED);
    }

    @Test
    void theLogOfALifeThatIsKilledIsKept() throws Exception {
        start();
        List<String> before = node.log(job.id);
        CommandResult ignored = node.succeed(job.kill());
        assertThat(Files.readAllLines(node.jobFolder(job.id).resolve("log-cut-1"))).startsWith(before.toArray(String[]::new));
    }

    @Test
    void aJobIsWatchedOnceHoweverManyOrdersItHadAndNotAtAllWhenItIsGone() throws Exception {
        start();
        for (int i = 0; i < 10; i++) {
            CommandResult ignored = node.succeed(job.thaw());
        }
        await().atMost(TestingGpuNode.SOON).until(() -> threads("job " + job.id) == 0);
        assertThat(threads("watch " + job.id)).isEqualTo(1);
        CommandResult ignored = node.succeed(job.kill());
        awaitRest();
        node.restart();
        assertThat(threads("job " + job.id)).as("only its record is here").isZero();
    }

    /** The daemon died in a start; the job ran and ended, and its pid is a stranger's now. */
    @Test
    void aStrangerWithTheJobsPidIsLeftAlone() throws Exception {
        Process stranger = new ProcessBuilder("sleep", "600").start();
        try {
            Path home = node.jobFolder(job.id);
            Command begun = Command.newBuilder().setId("test/start/1").setJob(job.id).setIncarnation(1).setStart(StartJob.getDefaultInstance()).build();
            JobJournal ignored = Journal.create(home, job.id, new SpareFiles(folder.resolve("spare"))).change(record -> record.setState(LocalState.LOCAL_CREATING).setIncarnation(1).setHighestIncarnation(1).setOpenCommand(begun));
            Files.createDirectories(home.resolve("ctl"));
            Files.createFile(home.resolve("ctl").resolve("started"));
            Files.writeString(home.resolve("ctl").resolve("exit"), "7");
            Files.writeString(home.resolve("runc.pid"), Long.toString(stranger.pid()));
            node.restart();
            awaitState(LocalState.LOCAL_EXITED);
            assertThat(node.report(job.id).orElseThrow().getExitStatus()).isEqualTo(7);
            CommandResult killed = node.succeed(job.kill());
            assertThat(killed.getJob().getState()).isEqualTo(LocalState.LOCAL_KILLED);
            assertThat(stranger.isAlive()).isTrue();
        } finally {
            Process unused = stranger.destroyForcibly();
        }
    }
}
