package dev.ferry.storage.upkeep;

import dev.ferry.storage.ObjectStore;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Processes that share a store and of which one at a time makes one call, in an order drawn from a seed. A process
 * must not make two calls at once. Some are killed.
 */
final class SteppedProcesses {
    private static final double[] STAYS = {0, 0.9, 0.97};

    private final Random random;
    private final double deaths;
    private final double stay;
    private final List<String> trace = new ArrayList<>();
    private final List<Waiting> waiting = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private @Nullable Throwable failure;
    private String lastProcess = "";
    private int running;

    /** A call that waits for its turn. */
    private static final class Waiting {
        final String process;
        final String call;
        ProcessStore.Turns.@Nullable Turn turn;

        Waiting(String process, String call) {
            this.process = process;
            this.call = call;
        }
    }

    /**
     * @param deaths how likely a call is the last of its process
     */
    SteppedProcesses(long seed, double deaths) {
        random = new Random(seed);
        this.deaths = deaths;
        stay = STAYS[random.nextInt(STAYS.length)];
    }

    /**
     * Adds a process. It is run by {@link #run}.
     *
     * @param work given its sight of the store, and chance of its own
     */
    void add(String name, ObjectStore shared, Consumer<ProcessStore> work) {
        ProcessStore store = new ProcessStore(shared, call -> turn(new Waiting(name, call)));
        threads.add(Thread.ofPlatform().unstarted(() -> {
            try {
                work.accept(store);
            } catch (RuntimeException | AssertionError failed) {
                if (!store.isDead()) {
                    fail(failed);
                }
            } finally {
                ended();
            }
        }));
    }

    private synchronized void fail(Throwable cause) {
        failure = failure == null ? cause : failure;
    }

    private synchronized void ended() {
        running--;
        notifyAll();
    }

    private synchronized ProcessStore.Turns.Turn turn(Waiting call) {
        waiting.add(call);
        running--;
        notifyAll();
        while (call.turn == null) {
            try {
                wait();
            } catch (InterruptedException stopped) {
                throw new IllegalStateException(stopped);
            }
        }
        return call.turn;
    }

    /** Runs all to their ends. */
    void run() throws Exception {
        synchronized (this) {
            running = threads.size();
        }
        threads.forEach(Thread::start);
        while (grant()) {
            continue;
        }
        for (Thread thread : threads) {
            thread.join();
        }
        if (failure != null) {
            throw new AssertionError(failure.getMessage() + "\n" + String.join("\n", trace), failure);
        }
    }

    /** Often the process of the last call again: what goes wrong most needs one that sleeps while others do much. */
    private int choose() {
        if (random.nextDouble() < stay) {
            for (int i = 0; i < waiting.size(); i++) {
                if (waiting.get(i).process.equals(lastProcess)) {
                    return i;
                }
            }
        }
        return random.nextInt(waiting.size());
    }

    private synchronized boolean grant() throws InterruptedException {
        while (running > 0) {
            wait();
        }
        if (waiting.isEmpty()) {
            return false;
        }
        // The same order whatever the threads did.
        waiting.sort(Comparator.comparing((Waiting each) -> each.process));
        Waiting next = waiting.remove(choose());
        lastProcess = next.process;
        boolean last = random.nextDouble() < deaths;
        next.turn = last ? (random.nextBoolean() ? ProcessStore.Turns.Turn.KILL_BEFORE : ProcessStore.Turns.Turn.KILL_AFTER) : ProcessStore.Turns.Turn.GO;
        trace.add(next.process + ": " + next.call + (last ? " KILLED" : ""));
        running++;
        notifyAll();
        return true;
    }
}
