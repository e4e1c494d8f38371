package dev.ferry.storage.image;

import dev.ferry.storage.ChunkPeer;
import java.io.IOException;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** Another node, with a real cache. */
class PlayedPeer implements ChunkPeer {
    final AtomicInteger asked = new AtomicInteger();
    final CountDownLatch closed = new CountDownLatch(1);
    private final ChunkCache cache;

    PlayedPeer(ChunkCache cache) {
        this.cache = cache;
    }

    @Override
    public BitSet fetch(List<Asked> chunks) throws IOException {
        int number = asked.incrementAndGet();
        BitSet given = new BitSet();
        for (int i = 0; i < chunks.size(); i++) {
            given.set(i, cache.get(chunks.get(i).name(), chunks.get(i).into().duplicate()));
        }
        before(number, chunks);
        return given;
    }

    /**
     * What goes wrong with an answer.
     *
     * @param number of the call, from 1
     */
    void before(int number, List<Asked> chunks) throws IOException {}

    @Override
    public void close() {
        closed.countDown();
    }
}
