package dev.ferry.storage.image;

import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** A real store that takes no pack before it is told to go on. */
final class HeldStore extends ForwardingStore {
    private final CountDownLatch goOn;
    private final AtomicInteger underWay = new AtomicInteger();

    HeldStore(ObjectStore real, CountDownLatch goOn) {
        super(real);
        this.goOn = goOn;
    }

    @Override
    public void put(String key, ByteBuffer content) {
        underWay.incrementAndGet();
        try {
            goOn.await();
            super.put(key, content);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        } finally {
            underWay.decrementAndGet();
        }
    }

    /** How many objects are being put. */
    int underWay() {
        return underWay.get();
    }
}
