package dev.ferry.common;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class StrandTest {
    private final SystemScheduler scheduler = new SystemScheduler("test");

    @AfterEach
    void close() {
        scheduler.close();
    }

    @Test
    void workIsDoneInItsOrderAndNeverTwoPiecesAtOnce() {
        Strand strand = new Strand(scheduler);
        List<Integer> done = Collections.synchronizedList(new ArrayList<>());
        AtomicInteger atOnce = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        for (int i = 0; i < 1000; i++) {
            int piece = i;
            strand.execute(
                    () -> {
                        most.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
                        done.add(piece);
                        atOnce.decrementAndGet();
                    });
        }
        await().until(() -> done.size() == 1000);
        assertThat(done).isEqualTo(IntStream.range(0, 1000).boxed().toList());
        assertThat(most).hasValue(1);
    }

    @Test
    void aPieceThatFailsDoesNotStopTheNext() throws InterruptedException {
        Strand strand = new Strand(scheduler);
        CountDownLatch next = new CountDownLatch(1);
        strand.execute(
                () -> {
                    throw new IllegalStateException("as the test says");
                });
        strand.execute(next::countDown);
        next.await();
    }

    @Test
    void aTimerThatWasCancelledDoesNothing() {
        AtomicInteger done = new AtomicInteger();
        scheduler.after(Duration.ofMillis(200), () -> done.addAndGet(100)).cancel();
        Scheduler.Timer unused = scheduler.after(Duration.ofMillis(250), done::incrementAndGet);
        await().until(() -> done.get() > 0);
        assertThat(done).hasValue(1);
    }

    @Test
    void idsOfOneSourceAreTheSame() {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            Ids.drawnFrom(new Random(7), () -> ids.add(Ids.newJob()));
        }
        assertThat(ids.get(0)).isEqualTo(ids.get(1));
        assertThat(Ids.newJob()).isNotEqualTo(ids.get(0));
    }
}
