package dev.ferry.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.node.posix.Posix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class WorkersBehindTest {
    private static final int POLICY_AFTER_NAME = 38;
    private static final int SCHED_IDLE = 5;

    private static int policy() {
        try {
            String line = Files.readString(Path.of("/proc/self/task/" + Posix.threadId() + "/stat"));
            return Integer.parseInt(line.substring(line.lastIndexOf(')') + 2).split(" ")[POLICY_AFTER_NAME]);
        } catch (IOException gone) {
            throw new UncheckedIOException(gone);
        }
    }

    @Test
    void theyAreIdleWhileAJobStandsStillAndAsUsualThen() throws Exception {
        WorkersBehind behind = WorkersBehind.open();
        try (ExecutorService worker = Executors.newSingleThreadExecutor()) {
            worker.submit(behind::enter).get();
            behind.stepBack();
            assertThat(worker.submit(WorkersBehindTest::policy).get()).isEqualTo(SCHED_IDLE);
            behind.comeForward();
            assertThat(worker.submit(WorkersBehindTest::policy).get()).isZero();
        }
    }

    /** Linux gives a new thread the class of the one that made it. */
    @Test
    void oneThatAnIdleThreadHasMadeIsNotIdle() throws Exception {
        WorkersBehind behind = WorkersBehind.open();
        int[] policies = new int[2];
        Thread maker =
                Thread.ofPlatform()
                        .start(
                                () -> {
                                    try {
                                        Posix.setIdle(Posix.threadId(), true);
                                        Thread made =
                                                Thread.ofPlatform()
                                                        .start(
                                                                () -> {
                                                                    policies[0] = policy();
                                                                    behind.enter();
                                                                    policies[1] = policy();
                                                                });
                                        made.join();
                                    } catch (Exception failed) {
                                        throw new IllegalStateException(failed);
                                    }
                                });
        maker.join();
        assertThat(policies).containsExactly(SCHED_IDLE, 0);
    }
}
