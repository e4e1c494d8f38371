package dev.ferry.node.hooks;

import dev.ferry.common.DurableFile;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacuationWord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls the hooks of an evacuation once, however often the coordinator speaks of it: what was called is on disk before the call, so a daemon
 * that is killed meanwhile does not call it again.
 */
public final class EvacuationHooks implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EvacuationHooks.class);
    /** Only the time of the hook itself ends a call. */
    private static final Duration UNBOUNDED = Duration.ofDays(1);
    private static final int MOST_REMEMBERED = 100;
    private static final long LEAST_MILLIS = 1000;

    private final Hooks hooks;
    private final String node;
    private final Path memory;
    private final SequencedSet<String> called = new LinkedHashSet<>();
    private final ExecutorService caller = Executors.newSingleThreadExecutor(work -> Thread.ofPlatform().daemon().name("hooks of evacuations").unstarted(work));
    /** On the clock of {@link System#nanoTime}. */
    private volatile Optional<Long> until = Optional.empty();

    private volatile CountDownLatch before = new CountDownLatch(0);

    /**
     * @param memory file that holds what was called
     */
    public EvacuationHooks(Hooks hooks, String node, Path memory) throws IOException {
        this.hooks = hooks;
        this.node = node;
        this.memory = memory;
        DurableFile.read(memory).ifPresent(content -> new String(content, StandardCharsets.UTF_8).lines().forEach(called::add));
    }

    /** The coordinator has spoken of an evacuation of this node. Does not wait. */
    public synchronized void told(EvacuationWord word) {
        boolean over = word.getState() == EvacuationState.EVACUATED || word.getState() == EvacuationState.TAKEN_BACK;
        until = over || word.getRemainingMillis() <= 0 ? Optional.empty() : Optional.of(System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(word.getRemainingMillis()));
        HookEvent event = over ? HookEvent.AFTER_EVACUATION : HookEvent.BEFORE_EVACUATION;
        if (!hooks.has(event) || !called.add(event.word() + " " + word.getEvacuation())) {
            return;
        }
        while (called.size() > MOST_REMEMBERED) {
            var unused = called.removeFirst();
        }
        try {
            DurableFile.write(memory, String.join("\n", called).getBytes(StandardCharsets.UTF_8));
        } catch (IOException full) {
            LOG.warn("that the hooks of evacuation {} are called can't be written down: the next daemon may call them again", word.getEvacuation(), full);
        }
        CountDownLatch end = new CountDownLatch(1);
        if (!over) {
            before = end;
        }
        // Dumps wait for hooks that go before: they may not take what the machine has left.
        Duration most = over || word.getRemainingMillis() <= 0 ? UNBOUNDED : Duration.ofMillis(Math.max(LEAST_MILLIS, word.getRemainingMillis() / 3));
        caller.execute(() -> call(event, facts(word), most, end));
    }

    private void call(HookEvent event, HookFacts facts, Duration most, CountDownLatch end) {
        try {
            hooks.tell(event, facts, most, (phase, nanos) -> LOG.info("{} took {} ms", phase, Duration.ofNanos(nanos).toMillis()));
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        } finally {
            end.countDown();
        }
    }

    private HookFacts facts(EvacuationWord word) {
        return new HookFacts(
                Map.of(
                        "node", node, "evacuation", word.getEvacuation(), "kind", word.getKind().name(), "reason", word.getReason(), "outcome", word.getState().name(), "remainingMillis", word.getRemainingMillis()));
    }

    /** How long the evacuation that is under way has; empty: there is none, or nobody knows. */
    public Optional<Duration> left() {
        return until.map(end -> Duration.ofNanos(Math.max(0, end - System.nanoTime())));
    }

    /** Waits until the hooks that go before the evacuation's dumps have ended, if any are being called, or until the time is over. */
    public void awaitBefore(Duration atMost, Hooks.Watch watch) throws InterruptedException {
        CountDownLatch end = before;
        if (end.getCount() > 0) {
            long start = System.nanoTime();
            boolean ignored = end.await(atMost.toMillis(), TimeUnit.MILLISECONDS);
            watch.called("hook " + HookEvent.BEFORE_EVACUATION.word(), System.nanoTime() - start);
        }
    }

    @Override
    public void close() {
        caller.shutdownNow();
    }
}
