package dev.ferry.storage;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.StoreSight;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which store this process sees, looked at again and again on a thread of its own: a store that hangs holds nobody up. What
 * was seen holds until the store says otherwise; that it does not answer for a while says nothing of which one it is.
 */
public final class StoreWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StoreWatch.class);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);
    /** Once it is known. A folder may lose its mount while a process runs. */
    private static final Duration AGAIN = Duration.ofSeconds(60);
    private static final Duration MOMENT = Duration.ofSeconds(1);

    private final ObjectStore store;
    private final boolean makes;
    private final CountDownLatch looked = new CountDownLatch(1);
    private final Semaphore wanted = new Semaphore(0);
    private final Runnable onChange;
    private final Thread watcher;
    private volatile StoreSight sight;
    private volatile boolean closed;

    private StoreWatch(ObjectStore store, boolean makes, Runnable onChange) {
        this.store = store;
        this.makes = makes;
        this.onChange = onChange;
        sight = unknown("it has not been read yet");
        watcher = Thread.ofPlatform().daemon().name("store-id").unstarted(this::watch);
    }

    /**
     * Begins to look, for a coordinator: a store without id gets one, but none that was seen with one before.
     *
     * @param onChange is told when something else is seen; if it fails, it is told again later
     */
    public static StoreWatch making(ObjectStore store, Runnable onChange) {
        return new StoreWatch(store, true, onChange).begin();
    }

    /** The same for a node, which makes none. */
    public static StoreWatch reading(ObjectStore store, Runnable onChange) {
        return new StoreWatch(store, false, onChange).begin();
    }

    private StoreWatch begin() {
        watcher.start();
        return this;
    }

    /** What was seen last. */
    public StoreSight sight() {
        return sight;
    }

    /** Waits a moment for the first look, whatever comes of it: a store that is well has answered by then, and one that is not holds nobody up. */
    public void awaitLook() {
        try {
            boolean ignored = looked.await(MOMENT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Somebody has reason to believe that something else would be seen now. */
    public void lookNow() {
        wanted.release();
    }

    private void watch() {
        StoreSight told = sight;
        Duration pause = FIRST_PAUSE;
        while (!closed) {
            StoreSight now = look();
            sight = now;
            looked.countDown();
            boolean heard = now.equals(told) || tell(now);
            told = heard ? now : told;
            pause = heard && !now.getId().isEmpty() ? AGAIN : pause.equals(AGAIN) ? FIRST_PAUSE : min(pause.multipliedBy(2), LONGEST_PAUSE);
            try {
                boolean ignored = wanted.tryAcquire(pause.toMillis(), TimeUnit.MILLISECONDS);
            } catch (InterruptedException ends) {
                return;
            }
            int ignored = wanted.drainPermits();
        }
    }

    private boolean tell(StoreSight now) {
        if (now.getId().isEmpty()) {
            LOG.warn("the store {}: {}", now.getPlace(), now.getProblem());
        } else {
            LOG.info("the store {} is {}", now.getPlace(), now.getId());
        }
        try {
            onChange.run();
            return true;
        } catch (RuntimeException | Error failed) {
            LOG.warn("which store this is could not be told; it is told again", failed);
            return false;
        }
    }

    private StoreSight look() {
        StoreSight before = sight;
        boolean known = !before.getId().isEmpty();
        try {
            Optional<String> id = makes && !known ? Optional.of(StoreId.make(store)) : StoreId.read(store);
            if (id.isPresent()) {
                return StoreSight.newBuilder().setId(id.get()).setPlace(store.describe()).build();
            }
            if (makes) {
                // A mount that is gone, for example: what lies there now is no store, and must not become one.
                LOG.warn("the id {} is gone from the store {}", before.getId(), before.getPlace());
                return before;
            }
            return unknown("no coordinator has worked with it").toBuilder().setUnmarked(true).build();
        } catch (FerryException failed) {
            return known ? before : unknown(String.valueOf(failed.getMessage()));
        } catch (RuntimeException | Error failed) {
            if (!closed) {
                LOG.error("which store this is could not be read", failed);
            }
            return known ? before : unknown(failed.toString());
        }
    }

    private StoreSight unknown(String why) {
        return StoreSight.newBuilder().setPlace(store.describe()).setProblem(why).build();
    }

    private static Duration min(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    @Override
    public void close() {
        closed = true;
        watcher.interrupt();
        try {
            // One that hangs in the store is left behind; it writes nothing but what would have been right.
            boolean ignored = watcher.join(MOMENT);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
