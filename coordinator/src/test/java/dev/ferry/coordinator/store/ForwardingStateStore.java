package dev.ferry.coordinator.store;

import java.util.function.Consumer;

/** A store that does all by another one, for tests that change what a transaction does. */
public interface ForwardingStateStore extends StateStore {
    StateStore store();

    @Override
    default void onChange(Consumer<Iterable<String>> listener) {
        store().onChange(listener);
    }

    @Override
    default boolean canBeDeposed() {
        return store().canBeDeposed();
    }

    @Override
    default void close() {
        store().close();
    }
}
