package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Failure;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.ReadLogRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.concurrent.atomic.AtomicLong;

/** A job's output on this command's. */
final class JobLog {
    private JobLog() {}

    /**
     * Copies a job's log to standard output; where its stream breaks off, it goes on behind what has come.
     *
     * @throws dev.ferry.common.FerryException CANCELLED when nobody reads it any more
     */
    static void copy(Client client, String job, long from, boolean follow) {
        AtomicLong offset = new AtomicLong(from);
        client.pieces(
                (FerryGrpc.FerryBlockingStub stub) -> (Iterator<LogChunk>) stub.readLog(ReadLogRequest.newBuilder().setJob(job).setOffset(offset.get()).setFollow(follow).build()),
                piece -> {
                    write(piece);
                    offset.set(piece.getOffset() + piece.getData().size());
                });
    }

    private static void write(LogChunk piece) {
        try {
            piece.getData().writeTo(System.out);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        // Also flushes. Who follows would go on for ever for a reader that has gone.
        if (System.out.checkError()) {
            throw Failure.outputClosed();
        }
    }
}
