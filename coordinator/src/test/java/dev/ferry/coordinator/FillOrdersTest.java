package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FillMemory;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory that is filled at the target of a live migration: who is told to, and who to give it back. */
class FillOrdersTest {
    @TempDir Path folder;
    private CoordinatorScene scene;
    private FakeNode first;
    private FakeNode second;
    private Job job;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        first = scene.add("node-1");
        job = scene.awaitState(scene.run(JobSpec.newBuilder().addCommand("sleep").setCpuMillis(100).setMemoryBytes(64 << 20)).getId(), JobState.RUNNING);
        second = scene.add("node-2");
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private Operation migrate() {
        return scene.awaitEnd(scene.stub().migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setLive(true).build()));
    }

    private List<FillMemory> fills() {
        return second.commands().stream().filter(Command::hasFill).map(Command::getFill).toList();
    }

    @Test
    void theTargetFillsWhatTheDumpWillMakeAndKeepsItForTheRestore() {
        Operation moved = migrate();
        assertThat(moved.getState()).as(moved.toString()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(fills()).hasSize(1);
        assertThat(fills().getFirst().getImage()).isEqualTo(moved.getImage());
        assertThat(fills().getFirst().getSpec()).isEqualTo(job.getSpec());
        assertThat(fills().getFirst().getHoldMillis()).isPositive();
    }

    @Test
    void aMigrationThatEndsWithoutARestoreHasTheMemoryGivenBack() {
        first.fail(Command.ActionCase.DUMP, ErrorCode.DUMP_FAILED);
        Operation ended = migrate();
        assertThat(ended.getState()).isEqualTo(OperationState.FAILED_OPERATION);
        await().atMost(CoordinatorScene.SOON).until(() -> fills().size() == 2);
        assertThat(fills().getLast().getGiveBack()).isTrue();
        assertThat(fills().getLast().getImage()).isEqualTo(ended.getImage());
    }

    /** An older daemon, on which the job was once: it answers what it does not know with what it remembers of the job. */
    @Test
    void whatATargetRemembersOfTheJobIsNoWordOnIt() {
        second.answer(
                Command.ActionCase.FILL,
                command ->
                        Optional.of(
                                CommandResult.newBuilder()
                                        .setId(command.getId())
                                        .setError(new FerryException(ErrorCode.INVALID_ARGUMENT, "it says nothing to do").detail())
                                        .setJob(JobReport.newBuilder().setJob(job.getId()).setIncarnation(command.getIncarnation()).setState(LocalState.LOCAL_KILLED))
                                        .build()));
        Operation moved = migrate();
        assertThat(moved.getState()).as("filling ahead is no reason to fail: " + moved).isEqualTo(OperationState.SUCCEEDED);
        assertThat(scene.awaitState(job.getId(), JobState.RUNNING).getNode()).isEqualTo("node-2");
    }
}
