package dev.ferry.coordinator.operations;

import dev.ferry.common.Scheduler;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Operations whose step waits for a change in the cluster. They look again in the order in which they came;
 * many changes in a short time cost one look, and none while nobody waits.
 */
final class WaitingRoom {
    /** Short for people, long for a burst of changes. */
    private static final Duration GATHERING = Duration.ofMillis(20);

    private final Scheduler scheduler;
    private final Consumer<String> look;
    private final Set<String> waiting = new LinkedHashSet<>();
    private long changes;
    private boolean called;

    /**
     * @param look is told an operation that shall look again
     */
    WaitingRoom(Scheduler scheduler, Consumer<String> look) {
        this.scheduler = scheduler;
        this.look = look;
    }

    /** How many changes there were: read before a look, and given to {@link #enter} after it. */
    synchronized long changes() {
        return changes;
    }

    /** An operation waits. A change that came between its look and this call is not missed. */
    synchronized void enter(String operation, long changesBeforeLook) {
        waiting.add(operation);
        if (changes != changesBeforeLook) {
            call();
        }
    }

    synchronized void leave(String operation) {
        waiting.remove(operation);
    }

    /** Something in the store has changed. */
    synchronized void changed() {
        changes++;
        call();
    }

    private void call() {
        if (!called && !waiting.isEmpty()) {
            called = true;
            Scheduler.Timer ignored = scheduler.after(GATHERING, this::lookAll);
        }
    }

    private void lookAll() {
        List<String> all;
        synchronized (this) {
            called = false;
            all = List.copyOf(waiting);
        }
        all.forEach(look);
    }
}
