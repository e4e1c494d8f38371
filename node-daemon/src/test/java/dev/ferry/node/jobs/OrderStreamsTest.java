package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

class OrderStreamsTest {
    private final OrderStreams streams = new OrderStreams();

    @Test
    void eachStreamHasAHigherNumber() {
        assertThat((long) streams.begin(number -> number)).isEqualTo(1);
        assertThat((long) streams.begin(number -> number)).isEqualTo(2);
        assertThat(streams.current()).isEqualTo(2);
        assertThat((long) streams.during(number -> number)).isEqualTo(2);
    }

    @Test
    void theFirstWordOfAStreamIsMadeWhenNothingIsJustBeingBegun() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        CompletableFuture<Long> order =
                CompletableFuture.supplyAsync(
                        () ->
                                streams.during(
                                        number -> {
                                            begun.countDown();
                                            await(done);
                                            return number;
                                        }));
        await(begun);
        CompletableFuture<Long> word = CompletableFuture.supplyAsync(() -> streams.begin(number -> number));
        assertThatThrownBy(() -> word.get(100, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        done.countDown();
        assertThat((long) order.get(10, TimeUnit.SECONDS)).isEqualTo(0);
        assertThat((long) word.get(10, TimeUnit.SECONDS)).isEqualTo(1);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
