package dev.ferry.storage.image;

import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;

/** A real store that takes no pack before it is told to go on. */
final class HeldStore extends ForwardingStore {
    private final CountDownLatch goOn;

    HeldStore(ObjectStore real, CountDownLatch goOn) {
        super(real);
        this.goOn = goOn;
    }

    @Override
    public void put(String key, ByteBuffer content) {
        try {
            goOn.await();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
        super.put(key, content);
    }
}
