package dev.ferry.coordinator.api;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.IntConsumer;

/** Bytes that come in as the messages of a gRPC stream. A few messages are asked for at a time, so that little waits here. */
final class PieceInput extends InputStream {
    private static final int AHEAD = 4;

    private final Deque<ByteString> waiting = new ArrayDeque<>();
    private final IntConsumer more;
    private final Duration silence;
    private ByteString piece = ByteString.EMPTY;
    private int at;
    private boolean ended;
    private boolean broken;

    /**
     * @param more asks for so many messages
     * @param silence after how long without a byte the writer is given up
     */
    PieceInput(IntConsumer more, Duration silence) {
        this.more = more;
        this.silence = silence;
    }

    /** Asks for the first messages. */
    void begin() {
        more.accept(AHEAD);
    }

    synchronized void add(ByteString content) {
        waiting.add(content);
        notifyAll();
    }

    /** The writer has written all. */
    synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** The writer is gone. */
    synchronized void breakOff() {
        broken = true;
        notifyAll();
    }

    @Override
    public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    /**
     * @throws FerryException CANCELLED when the writer is gone, DEADLINE_EXCEEDED when it has been silent for too long
     */
    @Override
    public int read(byte[] into, int offset, int length) {
        if (length == 0) {
            return 0;
        }
        while (at == piece.size()) {
            ByteString next = next();
            if (next == null) {
                return -1;
            }
            piece = next;
            at = 0;
            more.accept(1);
        }
        int some = Math.min(length, piece.size() - at);
        piece.copyTo(into, at, offset, some);
        at += some;
        return some;
    }

    private synchronized @org.jspecify.annotations.Nullable ByteString next() {
        long end = System.nanoTime() + silence.toNanos();
        try {
            while (waiting.isEmpty() && !ended && !broken) {
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Nothing of the file came for " + silence.toSeconds() + " s");
                }
                wait(left);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The file was cut off: the coordinator ends", stopped);
        }
        if (broken) {
            throw new FerryException(ErrorCode.CANCELLED, "Whoever sent the file is gone");
        }
        return waiting.poll();
    }
}
