package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class OrderThreadsTest {
    private static final Duration SOON = Duration.ofSeconds(10);
    private static final Command ORDER = Command.newBuilder().setId("op-1/PREFETCH/1").setJob("j-aaaaaaaa").build();

    /** What the coordinator is told of its orders. */
    private final List<CommandResult> results = new CopyOnWriteArrayList<>();
    private final Outbox said = Outbox.ofResults(results::add);

    private static CommandResult done(Command command) {
        return CommandResult.newBuilder().setId(command.getId()).build();
    }

    @Test
    void anOrderWithoutAThreadIsAnsweredAndMayComeAgain() {
        AtomicInteger asked = new AtomicInteger();
        OrderThreads threads =
                new OrderThreads(
                        said,
                        work -> {
                            if (asked.getAndIncrement() == 0) {
                                throw new OutOfMemoryError("unable to create native thread");
                            }
                            return new Thread(work);
                        });
        threads.submit("prefetch", ORDER, OrderThreadsTest::done);
        assertThat(results).hasSize(1);
        assertThat(results.getFirst().getId()).isEqualTo(ORDER.getId());
        assertThat(results.getFirst().getError().getCode()).isEqualTo(ErrorCode.INTERNAL);
        threads.submit("prefetch", ORDER, OrderThreadsTest::done);
        await().atMost(SOON).until(() -> results.size() == 2);
        assertThat(results.getLast()).isEqualTo(done(ORDER));
    }

    @Test
    void anOrderThatComesAgainWhileItIsDoneIsDoneOnce() {
        CountDownLatch goesOn = new CountDownLatch(1);
        OrderThreads threads = new OrderThreads(said);
        for (int i = 0; i < 2; i++) {
            threads.submit(
                    "prefetch",
                    ORDER,
                    command -> {
                        try {
                            goesOn.await();
                        } catch (InterruptedException unexpected) {
                            throw new IllegalStateException(unexpected);
                        }
                        return done(command);
                    });
        }
        goesOn.countDown();
        await().atMost(SOON).until(() -> !results.isEmpty());
        await().during(Duration.ofMillis(300)).atMost(SOON).until(() -> results.size() == 1);
    }

    @Test
    void oneThatFailsIsAnswered() {
        new OrderThreads(said)
                .submit(
                        "prefetch",
                        ORDER,
                        command -> {
                            throw new IllegalStateException("no");
                        });
        await().atMost(SOON).until(() -> !results.isEmpty());
        assertThat(results.getFirst().getError().getMessage()).contains("no");
    }
}
