package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class StandstillTest {
    private static final Duration LONG = Duration.ofMinutes(10);

    private static CountDownLatch passes(Standstill standstill) {
        CountDownLatch passed = new CountDownLatch(1);
        Thread unused =
                Thread.ofVirtual()
                        .start(
                                () -> {
                                    standstill.await();
                                    passed.countDown();
                                });
        return passed;
    }

    @Test
    void holdsBackUntilTheLastImageHasItsBytes() throws Exception {
        Standstill standstill = new Standstill(2, LONG);
        standstill.begin();
        standstill.begin();
        CountDownLatch passed = passes(standstill);
        standstill.end();
        assertThat(passed.await(50, TimeUnit.MILLISECONDS)).isFalse();
        standstill.end();
        assertThat(passed.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(passes(standstill).await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void holdsNobodyBackFromMakingRoom() throws Exception {
        Standstill standstill = new Standstill(2, LONG);
        standstill.makeRoom();
        standstill.begin();
        CountDownLatch passed = passes(standstill);
        assertThat(passed.await(50, TimeUnit.MILLISECONDS)).isFalse();
        standstill.makeRoom();
        assertThat(passed.await(10, TimeUnit.SECONDS)).isTrue();
        standstill.end();
        // The next one begins anew.
        standstill.begin();
        assertThat(passes(standstill).await(50, TimeUnit.MILLISECONDS)).isFalse();
        standstill.end();
    }

    @Test
    void holdsNobodyBackWhereThereAreCoresForAll() throws Exception {
        Standstill standstill = new Standstill(16, LONG);
        standstill.begin();
        assertThat(passes(standstill).await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void holdsNobodyBackForLongerThanItsBound() throws Exception {
        Standstill standstill = new Standstill(2, Duration.ofMillis(20));
        standstill.begin();
        assertThat(passes(standstill).await(10, TimeUnit.SECONDS)).isTrue();
        // It counts from the begin, not for each that waits.
        long begin = System.nanoTime();
        standstill.await();
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(LONG);
        standstill.end();
    }
}
