package dev.ferry.node.notices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.node.emulator.Cloud;
import dev.ferry.node.emulator.MetadataEmulator;
import dev.ferry.proto.v1.Notice;
import dev.ferry.proto.v1.NoticeKind;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The watchers against servers that speak the clouds' protocols. */
class NoticeWatchTest {
    private static final Duration SOON = Duration.ofSeconds(10);

    @TempDir Path folder;
    private final AtomicInteger changes = new AtomicInteger();
    private MetadataEmulator emulator;
    private NoticeWatch watch;

    private void open(Cloud cloud, boolean acknowledge) throws Exception {
        emulator = MetadataEmulator.start(cloud, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        String endpoint = emulator.endpoint("node-1");
        watch = NoticeWatch.start(new NoticesConfig(cloud.name().toLowerCase(Locale.ROOT), "20ms", endpoint, endpoint, endpoint, acknowledge, "", "", false, SlurmConfig.defaults(), KubernetesConfig.defaults()), "node-1", changes::incrementAndGet);
        int sources = cloud == Cloud.AWS ? 4 : cloud == Cloud.GCP ? 2 : 1;
        await().atMost(SOON).until(() -> watch.standing().getSourcesCount() == sources);
    }

    @AfterEach
    void close() {
        if (watch != null) {
            watch.close();
        }
        if (emulator != null) {
            emulator.close();
        }
    }

    private List<Notice> standing() {
        return watch.standing().getStandingList();
    }

    @ParameterizedTest
    @EnumSource(Cloud.class)
    void anInterruptionIsToldOnceAndItsEndToo(Cloud cloud) throws Exception {
        open(cloud, false);
        assertThat(standing()).isEmpty();
        emulator.interrupt("node-1", emulator.usualNotice());
        await().atMost(SOON).until(() -> !standing().isEmpty());
        Notice notice = standing().getFirst();
        assertThat(notice.getKind()).isEqualTo(NoticeKind.FINAL);
        assertThat(notice.getId()).startsWith("node-1/").endsWith(notice.getEvent());
        assertThat(Duration.ofMillis(notice.getRemainingMillis())).isBetween(emulator.usualNotice().minusSeconds(5), emulator.usualNotice());
        int told = changes.get();
        // Many looks later nothing was told again, and tokens that ran out are no trouble.
        emulator.expireTokens();
        emulator.scheduleMaintenance("node-1", Duration.ofDays(3));
        await().atMost(SOON).until(() -> standing().size() == 2);
        assertThat(changes.get()).isEqualTo(told + 1);
        assertThat(standing()).extracting(Notice::getKind).containsExactlyInAnyOrder(NoticeKind.FINAL, NoticeKind.MAINTENANCE);
        emulator.clear("node-1");
        await().atMost(SOON).until(() -> standing().isEmpty());
    }

    @Test
    void aRebalanceRecommendationIsOnlyAdvice() throws Exception {
        open(Cloud.AWS, false);
        emulator.recommendRebalance("node-1");
        await().atMost(SOON).until(() -> !standing().isEmpty());
        assertThat(standing().getFirst().getKind()).isEqualTo(NoticeKind.ADVISORY);
        assertThat(standing().getFirst().hasRemainingMillis()).isFalse();
    }

    @Test
    void azureIsToldToGoOnOnlyWhenThatIsAskedFor() throws Exception {
        open(Cloud.AZURE, true);
        emulator.interrupt("node-1", Duration.ofSeconds(30));
        await().atMost(SOON).until(() -> !standing().isEmpty());
        assertThat(emulator.acknowledged("node-1")).isEmpty();
        watch.settled(standing().getFirst().getId());
        await().atMost(SOON).until(() -> emulator.acknowledged("node-1").equals(List.of(standing().getFirst().getEvent())));
        close();
        open(Cloud.AZURE, false);
        emulator.interrupt("node-1", Duration.ofSeconds(30));
        await().atMost(SOON).until(() -> !standing().isEmpty());
        new AzureSource(new MetadataClient(emulator.endpoint("node-1")), Duration.ofSeconds(1), false).settled(standing().getFirst().getEvent());
        assertThat(emulator.acknowledged("node-1")).isEmpty();
    }

    @Test
    void aFileAnnouncesWhileItIsThere() throws Exception {
        Path file = folder.resolve("evacuate");
        watch = NoticeWatch.start(new NoticesConfig("", "20ms", "http://x", "http://x", "http://x", false, file.toString(), "", false, SlurmConfig.defaults(), KubernetesConfig.defaults()), "node-1", changes::incrementAndGet);
        await().atMost(SOON).until(() -> watch.standing().getSourcesList().equals(List.of("file")));
        Files.writeString(file, "{\"deadline\": \"90s\"}");
        await().atMost(SOON).until(() -> standing().size() == 1);
        Files.delete(file);
        await().atMost(SOON).until(() -> standing().isEmpty());
    }

    @Test
    void aServerThatIsGoneTakesNothingBack() throws Exception {
        open(Cloud.AWS, false);
        emulator.interrupt("node-1", Duration.ofSeconds(120));
        await().atMost(SOON).until(() -> !standing().isEmpty());
        emulator.close();
        // The end of an announcement must be said; silence is none.
        await().during(Duration.ofMillis(300)).atMost(SOON).until(() -> standing().size() == 1);
    }
}
