package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.StepState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whoever takes part in a migration whose memory is copied ahead dies in each of its steps. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LiveMigrationCrashIT {
    @TempDir static Path folder;
    private Scene scene;
    private LiveJobs jobs;

    @BeforeAll
    void open() throws Exception {
        // Ten copies at what a node is to spend on them by default would be half a minute of waiting.
        scene = new Scene(folder, "", "", Duration.ofSeconds(2), Map.of(), Optional.empty(), Map.of("preCopy", "{cpus: 0.5}"));
        jobs = new LiveJobs(scene);
    }

    @AfterAll
    void close() throws Exception {
        scene.close();
    }

    enum Victim {
        COORDINATOR,
        SOURCE,
        TARGET
    }

    @ParameterizedTest(name = "{0} killed at {1}")
    @CsvSource({"COORDINATOR, PRE_COPY", "SOURCE, PRE_COPY", "TARGET, PRE_COPY", "COORDINATOR, PREFETCH", "TARGET, PREFETCH", "SOURCE, CATCH_UP", "COORDINATOR, FILL", "TARGET, FILL", "SOURCE, DUMP", "TARGET, DUMP"})
    void aJobRunsOnThroughTheDeathOfWhoCopiesIt(Victim victim, String at) throws Exception {
        scene.awaitNodes();
        Job job = jobs.run();
        int source = Scene.nodeNumber(job.getNode());
        Operation begun = jobs.begin(job);
        boolean reached = scene.awaitStep(begun, at);
        kill(victim, source);
        Operation ended = scene.awaitEnd(begun);
        assertThat(reached).as("step %s was seen", at).isTrue();
        assertThat(ended.getStepsList()).as(ended.toString()).allSatisfy(each -> assertThat(each.getState()).isNotEqualTo(StepState.STEP_OPEN));
        if (!at.equals("DUMP") || victim == Victim.TARGET) {
            assertThat(ended.getState()).as("copying ahead is no reason to fail: " + ended).isEqualTo(OperationState.SUCCEEDED);
        }
        jobs.assertGoesOnWithItsMemory(job);
        scene.cancel(job.getId());
    }

    private void kill(Victim victim, int source) throws Exception {
        switch (victim) {
            case COORDINATOR -> scene.killCoordinator();
            case SOURCE -> scene.killNode(source);
            case TARGET -> scene.killNode(3 - source);
        }
    }
}
