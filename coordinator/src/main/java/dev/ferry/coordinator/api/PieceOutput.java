package dev.ferry.coordinator.api;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import io.grpc.stub.ServerCallStreamObserver;
import java.io.OutputStream;
import java.time.Duration;
import java.util.function.Function;

/** Bytes that go out as the messages of a gRPC stream, no faster than they are taken. Written by one thread. */
final class PieceOutput<T extends Message> extends OutputStream {
    private static final int BYTES = 1 << 18;
    /** What may wait in gRPC's own buffers before the stream is not ready. */
    private static final int READY_BYTES = 1 << 20;

    private final ServerCallStreamObserver<T> to;
    private final Function<ByteString, T> message;
    private final Duration silence;
    private final byte[] piece = new byte[BYTES];
    private int filled;

    /**
     * Made within the method of the service, before it returns.
     *
     * @param silence after how long without room the reader is given up
     */
    PieceOutput(ServerCallStreamObserver<T> to, Function<ByteString, T> message, Duration silence) {
        this.to = to;
        this.message = message;
        this.silence = silence;
        to.setOnReadyThreshold(READY_BYTES);
        to.setOnReadyHandler(this::wake);
        to.setOnCancelHandler(this::wake);
    }

    private synchronized void wake() {
        notifyAll();
    }

    @Override
    public void write(int one) {
        write(new byte[] {(byte) one}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        for (int at = 0; at < length; ) {
            int some = Math.min(length - at, BYTES - filled);
            System.arraycopy(bytes, offset + at, piece, filled, some);
            filled += some;
            at += some;
            if (filled == BYTES) {
                flush();
            }
        }
    }

    /**
     * @throws FerryException CANCELLED when nobody reads any more, DEADLINE_EXCEEDED when nobody has for too long
     */
    @Override
    public void flush() {
        if (filled > 0) {
            awaitRoom();
            to.onNext(message.apply(ByteString.copyFrom(piece, 0, filled)));
            filled = 0;
        }
    }

    private synchronized void awaitRoom() {
        long end = System.nanoTime() + silence.toNanos();
        try {
            while (!to.isReady() && !to.isCancelled()) {
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "Nothing of the answer was taken for " + silence.toSeconds() + " s");
                }
                wait(left);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The answer was cut off: the coordinator ends", stopped);
        }
        if (to.isCancelled()) {
            throw new FerryException(ErrorCode.CANCELLED, "Nobody reads the answer any more");
        }
    }
}
