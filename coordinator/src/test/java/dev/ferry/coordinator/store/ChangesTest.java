package dev.ferry.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ChangesTest {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final Duration MOMENT = Duration.ofMillis(20);

    private final Changes changes = new Changes();
    private final CountDownLatch looks = new CountDownLatch(1);
    private final CountDownLatch known = new CountDownLatch(1);
    private final AtomicInteger looked = new AtomicInteger();

    /** A look into a store that is slow to answer: false at first, true from then on. */
    private boolean slowLook() {
        looks.countDown();
        try {
            return known.await(SOON.toSeconds(), TimeUnit.SECONDS) && looked.incrementAndGet() > 1;
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    private boolean await(Duration atMost) {
        try {
            return changes.await("op-1", atMost, this::slowLook);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    /** It is told on the thread that hears a node: whose heartbeats would be answered only when the store has answered whoever watches. */
    @Test
    void whoTellsOfAChangeDoesNotWaitForThoseWhoLook() throws Exception {
        CompletableFuture<Boolean> waits = CompletableFuture.supplyAsync(() -> await(SOON));
        assertThat(looks.await(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(Thread.ofPlatform().start(() -> changes.tell(List.of("op-1"))).join(SOON.dividedBy(2))).isTrue();
        known.countDown();
        assertThat(waits.get(SOON.toSeconds(), TimeUnit.SECONDS)).as("what was told during the look").isTrue();
        assertThat(looked).hasValue(2);
    }

    /** What changed without a word is seen all the same. */
    @Test
    void whoHearsOfNoChangeLooksALastTime() {
        known.countDown();
        assertThat(await(MOMENT)).isTrue();
        assertThat(looked).hasValue(2);
    }
}
