package dev.ferry.coordinator.evacuation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.operations.StepName;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SituationTest {
    private static final long MEBIBYTE = 1 << 20;
    private static final long TERABYTE = 1L << 40;

    @TempDir Path folder;

    /** Else one job with a file of a terabyte, all of it a hole, would let every other job's dump seem to take no time. */
    @Test
    void howFastANodeSavesIsToldByWhatDumpsLookedAt() throws Exception {
        Pace assumed = EvacuationConfig.defaults().assumed();
        try (StateStore store = SqliteStateStore.open(folder)) {
            Pace measured = store.transact(state -> {
                state.put(Image.newBuilder().setId("j-1.1").setJob("j-1").setBytes(TERABYTE + 4096 * MEBIBYTE).setHoleBytes(TERABYTE).setSentBytes(1024 * MEBIBYTE).build());
                Step dump = Step.newBuilder().setName(StepName.DUMP.name()).setNode("node-1").setState(StepState.STEP_DONE).setStartedAt(1_000).setEndedAt(1_000 + assumed.fixed().toMillis() + 8_000).build();
                Operation unused = state.put(Operation.newBuilder().setId("o-1").setJob("j-1").setImage("j-1.1").addSteps(dump).build());
                return Situation.pace(state, "node-1", EvacuationConfig.defaults());
            });
            assertThat(measured.scanBytesPerSecond()).isBetween(256.0 * MEBIBYTE, 1024.0 * MEBIBYTE);
        }
    }
}
