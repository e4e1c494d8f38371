package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class WorkQueueTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    private final WorkQueue queue = new WorkQueue("work of the test");
    private final List<String> done = new CopyOnWriteArrayList<>();

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().equals("work of the test")).count();
    }

    @Test
    void piecesAreDoneInOrderWhateverBecomesOfThoseBeforeThem() {
        queue.add(() -> done.add("first"));
        queue.add(() -> {
            throw new AssertionError("a piece that fails");
        });
        queue.add(() -> done.add("third"));
        await().atMost(SOON).until(() -> done.equals(List.of("first", "third")));
        await().atMost(SOON).until(() -> threads() == 0);
        queue.addLater(Duration.ofMillis(20), () -> done.add("later"));
        await().atMost(SOON).until(() -> done.contains("later"));
    }

    /** What looks whether it is waited for would give way to it. */
    @Test
    void whatIsNotNeededAnyMoreKeepsNobodyWaiting() {
        CountDownLatch asked = new CountDownLatch(1);
        queue.addLater(
                Duration.ofMillis(1),
                () -> {
                    asked.countDown();
                    return false;
                },
                () -> done.add("not needed"));
        queue.addLater(Duration.ofMillis(1), () -> true, () -> done.add("needed"));
        await().atMost(SOON).until(() -> asked.getCount() == 0 && done.contains("needed"));
        assertThat(queue.isWaitedFor()).isFalse();
        assertThat(done).containsExactly("needed");
    }

    @Test
    void nothingIsBegunAfterTheEnd() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch never = new CountDownLatch(1);
        queue.add(() -> {
            begun.countDown();
            try {
                never.await();
            } catch (InterruptedException end) {
                done.add("interrupted");
            }
        });
        queue.add(() -> done.add("too late"));
        begun.await();
        queue.interrupt();
        await().atMost(SOON).until(() -> threads() == 0);
        assertThat(done).containsExactly("interrupted");
    }
}
