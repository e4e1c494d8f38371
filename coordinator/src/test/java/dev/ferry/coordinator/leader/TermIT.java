package dev.ferry.coordinator.leader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Clock;
import dev.ferry.common.Configs;
import dev.ferry.coordinator.Coordinator;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.store.LeaderRow;
import dev.ferry.coordinator.store.PostgresDatabase;
import dev.ferry.coordinator.store.PostgresServer;
import dev.ferry.coordinator.store.PostgresStateStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TermIT {
    private static final Duration LENGTH = Duration.ofMillis(500);

    @TempDir Path folder;

    @Test
    void itIsRenewedForAsLongAsTheCoordinatorGivesSignsOfLife() throws Exception {
        try (PostgresServer server = PostgresServer.start();
                PostgresDatabase database = PostgresDatabase.open(server.newDatabase(), server.user(), "")) {
            LeaderRow row = new LeaderRow(database);
            long asked = Clock.SYSTEM.nanos();
            long epoch = row.take("a", "a:1", LENGTH).orElseThrow();
            try (Term term = new Term(row, epoch, LENGTH, Clock.SYSTEM, asked)) {
                // One that starts has given none yet.
                await().during(LENGTH.multipliedBy(6)).until(term::holds);
                term.lives();
                await().during(LENGTH.multipliedBy(6)).until(
                        () -> {
                            term.lives();
                            return term.holds();
                        });
                await().atMost(LENGTH.multipliedBy(12)).until(() -> !term.holds());
                await().atMost(LENGTH.multipliedBy(12)).until(() -> row.take("b", "b:1", LENGTH).isPresent());
                assertThat(row.renew(epoch, LENGTH)).isFalse();
            }
        }
    }

    /** Its term's own thread goes on all the while, on a connection of its own. */
    @Test
    void aCoordinatorThatHangsLosesItsTerm() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        CoordinatorConfig config =
                Configs.parse(
                        "data: %s/data\ngrpcListen: 127.0.0.1:0\nhttpListen: 127.0.0.1:0\nstore: {url: \"file://%s/store\"}\nsecurity: {tls: false, tokens: false}\n".formatted(folder, folder), "the test",
                        CoordinatorConfig.defaults());
        try (PostgresServer server = PostgresServer.start();
                PostgresDatabase database = PostgresDatabase.open(server.newDatabase(), server.user(), "")) {
            LeaderRow row = new LeaderRow(database);
            long asked = Clock.SYSTEM.nanos();
            long epoch = row.take("a", "a:1", LENGTH).orElseThrow();
            Thread hanging;
            try (Term term = new Term(row, epoch, LENGTH, Clock.SYSTEM, asked);
                    PostgresStateStore store = new PostgresStateStore(database, epoch);
                    Coordinator ignored = Coordinator.leading(config, store, term)) {
                await().during(LENGTH.multipliedBy(6)).until(term::holds);
                hanging = Thread.ofPlatform().start(() -> store.transact(state -> ended(end)));
                await().atMost(LENGTH.multipliedBy(16)).until(() -> !term.holds());
                await().atMost(LENGTH.multipliedBy(12)).until(() -> row.take("b", "b:1", LENGTH).isPresent());
                end.countDown();
            }
            hanging.join();
        }
    }

    private static boolean ended(CountDownLatch end) {
        try {
            end.await();
            return true;
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }
}
