package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.CheckpointEstimate;
import dev.ferry.proto.v1.DumpEstimate;
import dev.ferry.proto.v1.Image;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class LiveChoiceTest {
    private static final long MIB = 1 << 20;

    /** A node that empties pipes at 2 GiB/s, and names, compresses and sends 512 MiB/s. */
    private static CheckpointEstimate.Builder job(long mebibytes) {
        return CheckpointEstimate.newBuilder()
                .setDump(DumpEstimate.newBuilder().setMemoryBytes(mebibytes * MIB).setFreezeMicros(200_000 + mebibytes * 1_000_000 / 2048).setBehindBytesPerSecond(512 * MIB));
    }

    @Test
    void largeJobsAreCopiedAheadAndSmallOnesAreNot() {
        assertThat(LiveChoice.pays(job(16).build())).isFalse();
        assertThat(LiveChoice.pays(job(512).build())).isFalse();
        assertThat(LiveChoice.pays(job(1024).build())).isTrue();
        assertThat(LiveChoice.saved(job(4096).getDump())).isEqualTo(Duration.ofMillis(5800));
    }

    @Test
    void whatIsInTheStoreAlreadyGainsNothing() {
        assertThat(LiveChoice.pays(job(4096).setLatestImage(Image.newBuilder().setId("j-aaaaaaaa.1")).build())).isFalse();
        assertThat(LiveChoice.saved(DumpEstimate.newBuilder().setMemoryBytes(MIB).build())).isZero();
    }
}
