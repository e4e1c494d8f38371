package dev.ferry.coordinator.api;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Whether what the coordinator needs answers: looked at no more than once a second, however often it is asked for. */
final class Readiness {
    private static final Duration FRESH = Duration.ofSeconds(1);
    private static final long MOST_SECONDS = 5;

    private final Runnable looked;
    private final ExecutorService calls;
    private @Nullable Optional<String> last;
    private long lastNanos;

    /**
     * @param looked asks all that is needed, and fails by what does not answer
     * @param calls where that is done, which may take long
     */
    Readiness(Runnable looked, ExecutorService calls) {
        this.looked = looked;
        this.calls = calls;
    }

    /** What is wrong; empty: nothing. Waits while somebody else finds out. */
    synchronized Optional<String> problem() {
        Optional<String> known = last;
        if (known != null && System.nanoTime() - lastNanos < FRESH.toNanos()) {
            return known;
        }
        Optional<String> found = look();
        last = found;
        lastNanos = System.nanoTime();
        return found;
    }

    private Optional<String> look() {
        Future<?> look = calls.submit(looked);
        try {
            Object ignored = look.get(MOST_SECONDS, TimeUnit.SECONDS);
            return Optional.empty();
        } catch (ExecutionException failed) {
            Throwable cause = failed.getCause() == null ? failed : failed.getCause();
            return Optional.of(String.valueOf(cause.getMessage()));
        } catch (TimeoutException late) {
            boolean ignored = look.cancel(true);
            return Optional.of("the object store or the database did not answer within " + MOST_SECONDS + " s");
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return Optional.of("the coordinator is being stopped");
        }
    }
}
