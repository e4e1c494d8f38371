package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GpuPresenceTest {
    @TempDir private Path folder;

    private GpuPresence presence(Duration settling) throws Exception {
        Files.createDirectory(folder.resolve("0000:01:00.0"));
        return new GpuPresence(folder, "*", settling);
    }

    @Test
    void nothingIsLookedForWhileNothingChanges() throws Exception {
        GpuPresence presence = presence(Duration.ZERO);
        assertThat(presence.isDue(Set.of())).isFalse();
        assertThat(presence.isDue(Set.of())).isFalse();
    }

    @Test
    void aChangeIsLookedAtOnceAndOnceMoreLater() throws Exception {
        GpuPresence presence = presence(Duration.ofMillis(50));
        Files.createDirectory(folder.resolve("0000:02:00.0"));
        assertThat(presence.isDue(Set.of())).isTrue();
        await().until(() -> presence.isDue(Set.of()));
        assertThat(presence.isDue(Set.of())).isFalse();
        Files.delete(folder.resolve("0000:01:00.0"));
        assertThat(presence.isDue(Set.of())).isTrue();
    }

    @Test
    void aGpuThatIsLostIsAReasonOnce() throws Exception {
        GpuPresence presence = presence(Duration.ofHours(1));
        assertThat(presence.isDue(Set.of("GPU-1"))).isTrue();
        assertThat(presence.isDue(Set.of("GPU-1"))).isFalse();
        assertThat(presence.isDue(Set.of("GPU-1", "GPU-2"))).isTrue();
        assertThat(presence.isDue(Set.of())).isFalse();
        assertThat(presence.isDue(Set.of("GPU-1"))).as("it was well in between").isTrue();
    }

    @Test
    void aLookThatFailedIsMadeAgainLater() throws Exception {
        GpuPresence presence = presence(Duration.ofMillis(50));
        presence.failed();
        assertThat(presence.isDue(Set.of())).isFalse();
        await().until(() -> presence.isDue(Set.of()));
        assertThat(presence.isDue(Set.of())).isFalse();
    }

    @Test
    void aListThatIsNotThereNeverChanges() {
        GpuPresence presence = new GpuPresence(folder.resolve("none"), "*");
        assertThat(presence.isDue(Set.of())).isFalse();
    }
}
