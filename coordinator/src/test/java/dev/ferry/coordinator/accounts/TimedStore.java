package dev.ferry.coordinator.accounts;

import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.Function;

/** A store whose clock a test sets, and which counts what it is asked. */
public final class TimedStore {
    private final StateStore store;
    private long now;
    private int questions;

    public TimedStore(StateStore store) {
        this.store = store;
    }

    /** Milliseconds since 1970. */
    public TimedStore at(long millis) {
        now = millis;
        return this;
    }

    /** How often it was read and written. */
    public int questions() {
        return questions;
    }

    public <T> T transact(Function<Transaction, T> work) {
        return store.transact(state -> work.apply(timed(state)));
    }

    private Transaction timed(Transaction state) {
        return (Transaction)
                Proxy.newProxyInstance(
                        Transaction.class.getClassLoader(),
                        new Class<?>[] {Transaction.class},
                        (proxy, method, arguments) -> {
                            if (method.getName().equals("now")) {
                                return now;
                            }
                            questions++;
                            try {
                                return method.invoke(state, arguments);
                            } catch (InvocationTargetException failed) {
                                throw failed.getCause();
                            }
                        });
    }
}
