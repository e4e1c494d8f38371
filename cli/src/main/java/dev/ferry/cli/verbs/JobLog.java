package dev.ferry.cli.verbs;

import com.google.protobuf.ByteString;
import dev.ferry.cli.Client;
import dev.ferry.cli.output.Failure;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.ReadLogRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** A job's output on this command's. */
final class JobLog {
    private JobLog() {}

    /**
     * Copies a job's log to standard output; where its stream breaks off, it goes on behind what has come.
     *
     * @throws dev.ferry.common.FerryException CANCELLED when nobody reads it any more
     */
    static void copy(Client client, String job, long from, boolean follow) {
        long ignored = read(client, job, from, follow, JobLog::write);
    }

    /** As {@link #copy}, of the last lines of now, for which all of it is read, and of what follows. */
    static void copyTail(Client client, String job, int lines, boolean follow) {
        LogTail tail = new LogTail(lines);
        long end = read(client, job, 0, false, tail::add);
        write(ByteString.copyFrom(tail.bytes()));
        if (follow) {
            copy(client, job, end, true);
        }
    }

    /** Returns the offset behind the last byte. */
    private static long read(Client client, String job, long from, boolean follow, Consumer<ByteString> each) {
        AtomicLong offset = new AtomicLong(from);
        client.pieces(
                (FerryGrpc.FerryBlockingStub stub) -> (Iterator<LogChunk>) stub.readLog(ReadLogRequest.newBuilder().setJob(job).setOffset(offset.get()).setFollow(follow).build()),
                piece -> {
                    each.accept(piece.getData());
                    offset.set(piece.getOffset() + piece.getData().size());
                });
        return offset.get();
    }

    private static void write(ByteString piece) {
        try {
            piece.writeTo(System.out);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        // Also flushes. Who follows would go on for ever for a reader that has gone.
        if (System.out.checkError()) {
            throw Failure.outputClosed();
        }
    }
}
