package dev.ferry.storage.image;

import dev.ferry.storage.ByteSink;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * One run of bytes between whoever reads it and the workers. Writing only queues, so that a pipe is emptied at the
 * speed of memory; the run's cutter works behind, on one thread at a time. Small pieces wait on the heap and not
 * in a buffer of the pool: any number of runs may be open at once without using the pool up. Large ones wait in
 * their buffer, or on the disk when few buffers are left.
 */
final class RunSink implements ByteSink {
    private static final int SMALL = 64 << 10;

    private final StoredImageWriter writer;
    private final Cutter cutter;
    private final Deque<Waiting> queue = new ArrayDeque<>();
    private boolean cutting;
    private boolean closed;

    RunSink(StoredImageWriter writer, Cutter cutter) {
        this.writer = writer;
        this.cutter = cutter;
    }

    @Override
    public void write(ByteBuffer owned) {
        try {
            writer.check();
        } catch (RuntimeException failed) {
            writer.buffers().give(owned);
            throw failed;
        }
        writer.counts().takesIn(owned.remaining());
        if (owned.remaining() > SMALL) {
            writer.begin(0);
            add(Waiting.of(writer, owned));
        } else {
            byte[] small = new byte[owned.remaining()];
            owned.get(small);
            writer.buffers().give(owned);
            writer.begin(small.length);
            add(new Waiting.InMemory(new Piece(ByteBuffer.wrap(small), () -> writer.end(small.length))));
        }
    }

    @Override
    public void zeros(long bytes) {
        writer.check();
        writer.counts().passesOver(bytes);
        writer.begin(0);
        add(new Waiting.Zeros(bytes));
    }

    private void add(Waiting piece) {
        boolean start;
        synchronized (this) {
            queue.add(piece);
            start = !cutting;
            cutting = true;
        }
        if (start) {
            writer.cut(this::cutAll);
        }
    }

    /** Runs until the queue is empty. After a failure pieces are only freed. */
    private void cutAll() {
        while (true) {
            Waiting next;
            synchronized (this) {
                next = queue.poll();
                if (next == null) {
                    cutting = false;
                    return;
                }
            }
            take(next);
        }
    }

    /** Whatever happens to one piece, the others are taken: who commits or gives up waits for each of them. */
    private void take(Waiting next) {
        switch (next) {
            case Waiting.Bytes bytes -> take(bytes);
            case Waiting.Zeros zeros -> {
                cut(() -> cutZeros(zeros.bytes()));
                writer.end(0);
            }
        }
    }

    private void take(Waiting.Bytes next) {
        Piece piece;
        try {
            piece = next.piece(writer);
        } catch (RuntimeException | Error unexpected) {
            writer.fail(writer.translate(unexpected));
            writer.end(0);
            return;
        }
        cut(() -> cutter.cut(piece));
        piece.release();
    }

    /** A file may claim to be of any length: an image that has no room for what lists it fails in the middle. */
    private void cutZeros(long bytes) {
        for (long left = bytes; left > 0 && !writer.failed(); left -= PageCutter.MOST_ZERO_BYTES) {
            cutter.zeros((int) Math.min(left, PageCutter.MOST_ZERO_BYTES));
        }
    }

    private void cut(Runnable next) {
        try {
            if (writer.failed()) {
                cutter.drop();
            } else {
                next.run();
                rest();
            }
        } catch (RuntimeException | Error unexpected) {
            writer.fail(writer.translate(unexpected));
            cutter.drop();
        }
    }

    /** What is kept of a run that is at its end, or of which nothing more is there now. */
    private void rest() {
        boolean nothingMore;
        boolean end;
        synchronized (this) {
            nothingMore = queue.isEmpty();
            end = nothingMore && closed;
        }
        if (end) {
            cutter.end();
        } else if (nothingMore) {
            cutter.settle();
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        wake();
        writer.closed(this);
    }

    /** After a failure: frees what the cutter still holds. */
    void wake() {
        writer.begin(0);
        add(new Waiting.InMemory(new Piece(ByteBuffer.allocate(0), () -> writer.end(0))));
    }
}
