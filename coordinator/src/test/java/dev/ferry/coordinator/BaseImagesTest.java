package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which image a new one takes the chunks from that it need not send. */
class BaseImagesTest {
    @TempDir Path folder;
    private CoordinatorScene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        scene.add("node-1");
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private Job run(String program, String user) {
        JobSpec.Builder spec = JobSpec.newBuilder().addCommand("/usr/bin/python3").addCommand(program).addCommand("--seed").setCpuMillis(100).setMemoryBytes(64 << 20).setUserName(user);
        return scene.awaitState(scene.run(spec).getId(), JobState.RUNNING);
    }

    private String base(Job job) {
        Operation ended = scene.awaitEnd(scene.stub().checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
        assertThat(ended.getState()).as(ended.toString()).isEqualTo(OperationState.SUCCEEDED);
        return ended.getBaseImage();
    }

    @Test
    void theFirstImageSharesWithTheNewestOfItsKindTheNextOnesWithTheJobsOwn() {
        Job first = run("train.py", "ada");
        assertThat(base(first)).isEmpty();
        Job second = run("train.py", "ada");
        assertThat(base(second)).isEqualTo(first.getId() + ".1");
        assertThat(base(second)).isEqualTo(second.getId() + ".1");
        assertThat(base(run("train.py", "ada"))).isEqualTo(second.getId() + ".2");
    }

    @Test
    void anotherProgramsAndAnotherUsersImagesAreNotLookedAt() {
        Job first = run("train.py", "ada");
        assertThat(base(first)).isEmpty();
        assertThat(base(run("serve.py", "ada"))).isEmpty();
        assertThat(base(run("train.py", "eve"))).isEmpty();
    }

    @Test
    void aJobThatHasEndedIsOfTheKindToo() {
        Job first = run("train.py", "ada");
        assertThat(base(first)).isEmpty();
        var ended = scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(first.getId()).build()));
        assertThat(ended.getState()).isEqualTo(OperationState.SUCCEEDED);
        assertThat(base(run("train.py", "ada"))).isEqualTo(first.getId() + ".1");
    }
}
