package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.journal.Journal;
import dev.ferry.node.journal.SpareFiles;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.RestoreJob;
import dev.ferry.proto.v1.StartJob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lives that were begun and not finished. The control groups are plain folders: so the kernel says what the test wants. */
class UnfinishedLivesTest {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final String JOB = "j-aaaaaaaa";

    @TempDir Path folder;
    /** What the coordinator is told of its orders. */
    private final List<CommandResult> results = new CopyOnWriteArrayList<>();
    private final Outbox said = Outbox.ofResults(results::add);
    private Path group;
    private CgroupLayout layout;

    @BeforeEach
    void aGroup() throws Exception {
        group = Files.createDirectories(folder.resolve("unified").resolve("ferry").resolve(JOB));
        layout = new CgroupLayout(Optional.of(folder.resolve("unified")), Map.of());
    }

    private NodeContext context() {
        return BareNode.context(folder, layout, "ferry", SOON, said);
    }

    private Path home() {
        return folder.resolve("jobs").resolve(JOB);
    }

    private LocalJob job(LocalState state) throws Exception {
        Files.createDirectories(home());
        Journal journal = Journal.create(home(), JOB, new SpareFiles(folder.resolve("spare")));
        var ignored = journal.change(record -> record.setIncarnation(1).setHighestIncarnation(1).setState(state));
        return new LocalJob(context(), JOB, journal, new JobFolder(home()));
    }

    /** A mount that is not there lets a start fail at once. */
    private static Command start() {
        JobSpec spec = JobSpec.newBuilder().addCommand("/bin/true").addMounts(Mount.newBuilder().setSource("/nowhere").setDestination("/data")).build();
        return Command.newBuilder().setId("op-1/START/1").setJob(JOB).setIncarnation(1).setDeadlineMillis(SOON.toMillis()).setStart(StartJob.newBuilder().setSpec(spec)).build();
    }

    /** Another life may begin elsewhere when one is said to be killed. */
    @Test
    void aStartThatFailedIsToldWhenNothingOfItRuns() throws Exception {
        Files.writeString(group.resolve("cgroup.events"), "populated 1\nfrozen 0\n");
        try (JobRegistry jobs = new JobRegistry(context())) {
            jobs.submit(start());
            await().atMost(SOON).until(() -> jobs.report(JOB).filter(report -> report.getState() == LocalState.LOCAL_CREATING).isPresent());
            await().during(Duration.ofSeconds(1)).until(results::isEmpty);
            assertThat(jobs.report(JOB).orElseThrow().getState()).isEqualTo(LocalState.LOCAL_CREATING);
            Trees.delete(group);
            await().atMost(SOON).until(() -> !results.isEmpty());
            CommandResult result = results.getFirst();
            assertThat(result.getError().getMessage()).contains("/nowhere");
            assertThat(result.getJob().getState()).isEqualTo(LocalState.LOCAL_KILLED);
        }
    }

    /** The group holds a file, so that it can't be removed. */
    @Test
    void aLifeThatWasNotMadeIsKilledThoughItsGroupStays() throws Exception {
        Files.writeString(group.resolve("busy"), "");
        var ignored = job(LocalState.LOCAL_CREATING).change(record -> record.setOpenCommand(start()));
        try (JobRegistry jobs = new JobRegistry(context())) {
            jobs.recover();
            await().atMost(SOON).until(() -> !results.isEmpty());
            assertThat(results.getFirst().hasError()).isTrue();
            assertThat(results.getFirst().getJob().getState()).isEqualTo(LocalState.LOCAL_KILLED);
            Trees.delete(group);
        }
    }

    /** An earlier daemon was killed after it had asked for the freeze, and the kernel has not done it yet. */
    @Test
    void aJobThatIsStillBeingFrozenIsThawed() throws Exception {
        Files.writeString(group.resolve("cgroup.freeze"), "1");
        Files.writeString(group.resolve("cgroup.events"), "populated 1\nfrozen 0\n");
        LocalJob job = job(LocalState.LOCAL_RUNNING);
        assertThat(job.cgroup().isFrozen()).isFalse();
        Recovery.goOn(job);
        assertThat(group.resolve("cgroup.freeze")).hasContent("0");
        Files.writeString(group.resolve("cgroup.freeze"), "1");
        try (Phases phases = new Phases("undo", said)) {
            new GpuPhase(job, phases).undo(new IllegalStateException("the dump failed"));
        }
        assertThat(group.resolve("cgroup.freeze")).hasContent("0");
    }

    /** Its processes are killed, and a v1 group must be thawed for that. */
    @Test
    void aHoldOfALifeThatIsBeingMadeStands() throws Exception {
        Path freezer = Files.createDirectories(folder.resolve("freezer").resolve("ferry").resolve(JOB));
        Files.writeString(freezer.resolve("freezer.state"), "THAWED");
        layout = new CgroupLayout(Optional.empty(), Map.of("freezer", folder.resolve("freezer")));
        LocalJob job = job(LocalState.LOCAL_CREATING);
        var ignored = job.change(record -> record.setHeld(true));
        Holds.hold(job);
        assertThat(freezer.resolve("freezer.state")).hasContent("FROZEN");
        assertThat(job.cgroup().isHeld()).isTrue();
    }

    @Test
    void whatIsCutOffFromALogIsKeptAsThatOfTheLifeThatWroteIt() throws Exception {
        LocalJob job = job(LocalState.LOCAL_CREATING);
        var ignored = job.enter(LocalState.LOCAL_RUNNING, record -> LocalJob.setProcess(record, new JobProcess(1, 1, "boot")));
        Files.createDirectories(job.folder().log().getParent());
        Files.writeString(job.folder().log(), "in the image, and after it");
        Command restore = start().toBuilder().setId("op-2/RESTORE/3").setIncarnation(3).setRestore(RestoreJob.getDefaultInstance()).build();
        var opened = job.change(record -> OrderActs.open(record, restore));
        LogCut.keep(job, 12);
        assertThat(job.folder().logCut(1)).hasContent(", and after it");
        assertThat(job.folder().logCut(3)).doesNotExist();
    }

    /** What is in the way lets no file be opened there, as a full disk lets none be written; it can be replaced. */
    @Test
    void aLogWhoseEndCanNotBeCopiedIsKeptWhole() throws Exception {
        LocalJob job = job(LocalState.LOCAL_CREATING);
        var ignored = job.enter(LocalState.LOCAL_RUNNING, record -> LocalJob.setProcess(record, new JobProcess(1, 1, "boot")));
        Files.createDirectories(job.folder().log().getParent());
        Files.writeString(job.folder().log(), "in the image, and after it");
        Files.createDirectory(job.folder().logCut(1));
        LogCut.keep(job, 12);
        assertThat(job.folder().logCut(1)).hasContent("in the image, and after it");
    }

    /** The coordinator has said so, and the group knows it; the journal's own file is in the way. */
    @Test
    void aLifeThatShallNotRunIsHeldThoughTheJournalCanNotBeWritten() throws Exception {
        Files.writeString(group.resolve("cgroup.freeze"), "0");
        Files.writeString(group.resolve("cgroup.events"), "populated 1\nfrozen 0\n");
        LocalJob job = job(LocalState.LOCAL_RUNNING);
        Files.createDirectories(home().resolve("journal.new").resolve("x"));
        JobAgent agent = new JobAgent(job, new OrderStreams(), leaving -> false);
        agent.stands(0);
        assertThat(group.resolve("cgroup.freeze")).hasContent("1");
        assertThat(job.cgroup().isHeld()).isTrue();
        assertThat(job.isHeld()).isTrue();
        assertThatThrownBy(() -> Holds.requireThatItStands(job)).isInstanceOf(FerryException.class);
        Trees.delete(home().resolve("journal.new"));
        agent.stands(0);
        assertThat(job.record().getHeld()).isTrue();
        agent.stands(1);
        assertThat(job.isHeld()).isFalse();
        await().atMost(SOON).until(() -> Files.readString(group.resolve("cgroup.freeze")).equals("0"));
        agent.close(SOON);
    }
}
