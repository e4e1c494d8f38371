package dev.ferry.node.emulator;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** One machine that a metadata server speaks of. Safe for threads. */
final class Machine {
    private final String name;
    private final List<Announced> announced = new ArrayList<>();
    private final List<String> acknowledged = new ArrayList<>();
    /** Raised with each change. */
    private long incarnation = 1;

    Machine(String name) {
        this.name = name;
    }

    String name() {
        return name;
    }

    synchronized void announce(Announced what) {
        announced.removeIf(before -> before.event().equals(what.event()));
        announced.add(what);
        changed();
    }

    synchronized void clear() {
        announced.clear();
        acknowledged.clear();
        changed();
    }

    synchronized void acknowledge(String event) {
        acknowledged.add(event);
        changed();
    }

    synchronized List<String> acknowledged() {
        return List.copyOf(acknowledged);
    }

    private void changed() {
        incarnation++;
        notifyAll();
    }

    synchronized long incarnation() {
        return incarnation;
    }

    synchronized List<Announced> announced() {
        return List.copyOf(announced);
    }

    Optional<Announced> announced(Announced.Kind kind) {
        return announced().stream().filter(one -> one.kind() == kind).findFirst();
    }

    /** Waits until the incarnation is another one, at most so long. */
    synchronized void awaitChange(long from, Duration atMost) throws InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        while (incarnation == from) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return;
            }
            wait(left);
        }
    }
}
