package dev.ferry.cli.verbs;

import com.google.protobuf.ByteString;
import dev.ferry.cli.Client;
import dev.ferry.cli.output.Failure;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.ReadLogRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.function.Consumer;

/** A job's output on this command's. */
final class JobLog {
    private JobLog() {}

    /**
     * Copies a job's log to standard output; where its stream breaks off, it goes on behind what has come.
     * Begins with a look at the job: a coordinator that has answered is waited for, however long the log says nothing.
     *
     * What the coordinator says beside the log goes to standard error: why nothing comes, or that the log was cut.
     *
     * @throws FerryException CANCELLED when nobody reads it any more; NODE_DOWN when what was copied may not be all
     */
    static void copy(Client client, String job, long from, boolean follow) {
        read(client, JobEnd.id(client, job), new Place(from), follow, JobLog::write);
    }

    /** As {@link #copy}, of the last lines of now, for which all of it is read, and of what follows. */
    static void copyTail(Client client, String job, int lines, boolean follow) {
        LogTail tail = new LogTail(lines);
        Place place = new Place(0);
        String id = JobEnd.id(client, job);
        try {
            read(client, id, place, false, tail::add);
        } catch (FerryException down) {
            if (down.code() != ErrorCode.NODE_DOWN) {
                throw down;
            }
            if (!follow) {
                write(ByteString.copyFrom(tail.bytes()));
                throw down;
            }
            // Who follows waits for the node, or for the one that the job goes on at.
        }
        write(ByteString.copyFrom(tail.bytes()));
        if (follow) {
            read(client, id, place, true, JobLog::write);
        }
    }

    /**
     * @param place from where it is read; then what is behind the last byte, also if it breaks off
     */
    private static void read(Client client, String job, Place place, boolean follow, Consumer<ByteString> each) {
        client.pieces(
                (FerryGrpc.FerryBlockingStub stub) -> (Iterator<LogChunk>) stub.readLog(ReadLogRequest.newBuilder().setJob(job).setOffset(place.offset).setIncarnation(place.life).setFollow(follow).build()),
                piece -> {
                    if (!piece.getNotice().isEmpty()) {
                        System.err.println("ferry: " + Texts.plain(piece.getNotice()));
                    }
                    each.accept(piece.getData());
                    place.offset = piece.getOffset() + piece.getData().size();
                    place.life = piece.getIncarnation();
                });
    }

    /** How far a log is read, and of which life of the job. Used by one thread. */
    private static final class Place {
        private long offset;
        private long life;

        Place(long offset) {
            this.offset = offset;
        }
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
