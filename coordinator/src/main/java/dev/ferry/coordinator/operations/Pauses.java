package dev.ferry.coordinator.operations;

import java.time.Duration;

/** How long to wait before what the database refused is tried again: twice as long each time, up to a minute. */
final class Pauses {
    static final Duration FIRST = Duration.ofSeconds(1);
    private static final Duration LONGEST = Duration.ofMinutes(1);

    private Pauses() {}

    static Duration after(Duration pause) {
        Duration longer = pause.multipliedBy(2);
        return longer.compareTo(LONGEST) < 0 ? longer : LONGEST;
    }
}
