package dev.ferry.storage;

/** How the threads that cut, name and compress stand to whoever empties CRIU's pipes. Safe for threads. */
@FunctionalInterface
public interface Background {
    /** Done first by each of them. */
    void enter();

    /** A job stands still while its memory is taken: they get what nobody else wants. */
    default void stepBack() {}

    /** As {@link #enter} left them. */
    default void comeForward() {}
}
