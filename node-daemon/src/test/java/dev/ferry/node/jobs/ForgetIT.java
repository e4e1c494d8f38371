package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.journal.Journal;
import dev.ferry.node.journal.SpareFiles;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ForgetJob;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.KillJob;
import dev.ferry.proto.v1.LocalState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a node has of a job that ended a while ago goes by order, all of it; what lives does not. */
class ForgetIT {
    private static final Duration SOON = Duration.ofSeconds(10);
    private static final String JOB = "j-aaaaaaaa";

    private final String cgroup = "ferry-test-" + Ids.random(6);
    /** What the coordinator is told of its orders. */
    private final List<CommandResult> results = new CopyOnWriteArrayList<>();
    private final Outbox said = Outbox.ofResults(results::add);
    @TempDir Path folder;
    private JobCgroup node;
    private JobRegistry jobs;

    @BeforeEach
    void open() throws Exception {
        node = new JobCgroup(CgroupLayout.ofThisMachine(), cgroup);
        jobs = new JobRegistry(BareNode.context(folder, CgroupLayout.ofThisMachine(), cgroup, SOON, said));
    }

    @AfterEach
    void close() throws Exception {
        jobs.close();
        node.killAll();
        node.remove();
    }

    private Path home() {
        return folder.resolve("jobs").resolve(JOB);
    }

    private Journal left(LocalState state) throws Exception {
        Files.createDirectories(home().resolve("scratch").resolve("deep"));
        Files.writeString(home().resolve("scratch").resolve("deep").resolve("data"), "of the job");
        Files.writeString(home().resolve("log-cut-1"), "of an earlier life");
        Journal journal = Journal.create(home(), JOB, new SpareFiles(folder.resolve("spare")));
        var ignored = journal.change(record -> record.setIncarnation(2).setHighestIncarnation(2).setState(state).addResults(CommandResult.newBuilder().setId("op-1/START/1")));
        return journal;
    }

    private static Command forget(String id) {
        return Command.newBuilder().setId(id).setJob(JOB).setIncarnation(2).setDeadlineMillis(SOON.toMillis()).setForget(ForgetJob.getDefaultInstance()).build();
    }

    private CommandResult ordered(Command command) {
        jobs.submit(command);
        await().atMost(SOON).until(() -> results.stream().anyMatch(result -> result.getId().equals(command.getId())));
        return results.stream().filter(result -> result.getId().equals(command.getId())).findFirst().orElseThrow();
    }

    @Test
    void nothingIsLeftOfAJobThatEndedAndSayingItAgainIsAnswered() throws Exception {
        Journal ignored = left(LocalState.LOCAL_EXITED);
        jobs.recover();
        assertThat(jobs.report(JOB)).isPresent();
        CommandResult done = ordered(forget("req-1"));
        assertThat(done.hasError()).as(done.toString()).isFalse();
        // A report would be of a life that is there.
        assertThat(done.hasJob()).isFalse();
        assertThat(home()).doesNotExist();
        assertThat(jobs.reports()).isEmpty();
        assertThat(jobs.openCommands()).isEmpty();
        jobs.acknowledged("op-1/START/1");
        jobs.acknowledged("req-1");
        assertThat(ordered(forget("req-2")).hasError()).isFalse();
        assertThat(ordered(forget("req-3").toBuilder().setKill(KillJob.getDefaultInstance()).build()).getJob().getState()).isEqualTo(LocalState.LOCAL_KILLED);
        assertThat(home()).doesNotExist();
    }

    @Test
    void anEarlierLifesRecordGoesTooAndAnOlderOrderIsRefused() throws Exception {
        Journal ignored = left(LocalState.LOCAL_KILLED);
        jobs.recover();
        assertThat(ordered(forget("req-1").toBuilder().setIncarnation(1).build()).getError().getCode()).isEqualTo(ErrorCode.STALE_INCARNATION);
        assertThat(home().resolve("journal")).exists();
        assertThat(ordered(forget("req-2").toBuilder().setIncarnation(7).build()).hasError()).isFalse();
        assertThat(home()).doesNotExist();
    }

    @Test
    void whatLivesIsNotForgottenAndKeepsItsLife() throws Exception {
        JobCgroup group = new JobCgroup(CgroupLayout.ofThisMachine(), cgroup + "/" + JOB);
        group.createFolders();
        Process lives = new ProcessBuilder(List.of("sleep", "600")).start();
        for (Path file : group.joinFiles()) {
            Files.writeString(file, Long.toString(lives.pid()));
        }
        JobProcess process = JobProcess.of(Math.toIntExact(lives.pid()));
        // Held: a daemon that comes up does not let it go on.
        JobJournal held = left(LocalState.LOCAL_RUNNING).change(record -> LocalJob.setProcess(record.setHeld(true), process));
        jobs.recover();
        CommandResult refused = ordered(forget("req-1").toBuilder().setIncarnation(3).build());
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.WRONG_STATE);
        assertThat(refused.getJob().getIncarnation()).isEqualTo(2);
        assertThat(lives.isAlive()).isTrue();
        assertThat(home().resolve("scratch").resolve("deep").resolve("data")).exists();
        assertThat(jobs.report(JOB).orElseThrow().getState()).isEqualTo(held.getState());
    }

    /** A daemon that is killed in the middle finds the order open, and at the very end an empty folder. */
    @Test
    void aDaemonThatDiedInTheMiddleGoesOn() throws Exception {
        Journal journal = left(LocalState.LOCAL_EXITED);
        var ignored = journal.change(record -> record.setDiscarded(true).setOpenCommand(forget("req-1")));
        Path empty = Files.createDirectories(folder.resolve("jobs").resolve("j-bbbbbbbb"));
        jobs.recover();
        await().atMost(SOON).until(() -> results.stream().anyMatch(result -> result.getId().equals("req-1") && !result.hasError()));
        assertThat(home()).doesNotExist();
        assertThat(empty).doesNotExist();
        assertThat(jobs.reports()).isEmpty();
    }
}
