package dev.ferry.coordinator.store;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.StateEnd;
import dev.ferry.proto.v1.StateEntry;
import dev.ferry.proto.v1.StateHeader;
import dev.ferry.proto.v1.StateRow;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * The state of a coordinator as a file, which knows no database: what one wrote another can read. It tells a file that is
 * whole from one that was cut off or damaged (gzip's checksum, and an end that counts the rows).
 */
public final class StateFile {
    private static final int FORMAT = 1;
    private static final int BUFFER = 1 << 16;

    private StateFile() {}

    /** Whoever has rows to write. */
    public interface Source {
        /** Gives all rows, as they were at one moment. */
        void forEach(Consumer<StateRow> each);
    }

    /**
     * Writes a file; the stream stays open.
     *
     * @param header without its format
     * @return number of rows
     */
    public static long write(Source source, StateHeader header, OutputStream to) throws IOException {
        long[] rows = new long[1];
        GZIPOutputStream file = new GZIPOutputStream(new BufferedOutputStream(to, BUFFER), BUFFER);
        header.toBuilder().setFormat(FORMAT).build().writeDelimitedTo(file);
        try {
            source.forEach(
                    row -> {
                        try {
                            StateEntry.newBuilder().setRow(row).build().writeDelimitedTo(file);
                        } catch (IOException failed) {
                            throw new UncheckedIOException(failed);
                        }
                        rows[0]++;
                    });
        } catch (UncheckedIOException failed) {
            throw failed.getCause();
        }
        StateEntry.newBuilder().setEnd(StateEnd.newBuilder().setRows(rows[0])).build().writeDelimitedTo(file);
        file.finish();
        file.flush();
        return rows[0];
    }

    /**
     * What a file says of itself.
     *
     * @throws FerryException as {@link #read}
     */
    public static StateHeader header(InputStream from, String name) throws IOException {
        try {
            return requireKnown(next(StateHeader.newBuilder(), new GZIPInputStream(from)).build(), name);
        } catch (EOFException | ZipException | InvalidProtocolBufferException none) {
            throw damaged(name, none.toString(), none);
        }
    }

    /**
     * Reads a file to its end; what it gives may only be kept when this returns.
     *
     * @param name of the file, for errors
     * @return number of rows
     * @throws FerryException FORMAT_UNKNOWN when it is none, or a newer Ferry's; INVALID_ARGUMENT when it is cut off or damaged
     */
    public static long read(InputStream from, String name, Consumer<StateRow> each) throws IOException {
        try (InputStream file = new GZIPInputStream(new BufferedInputStream(from, BUFFER), BUFFER)) {
            requireKnown(next(StateHeader.newBuilder(), file).build(), name);
            for (long rows = 0; ; rows++) {
                StateEntry entry = next(StateEntry.newBuilder(), file).build();
                if (entry.hasEnd()) {
                    requireEnd(entry.getEnd(), rows, file, name);
                    return rows;
                }
                each.accept(entry.getRow());
            }
        } catch (EOFException | ZipException | InvalidProtocolBufferException none) {
            throw damaged(name, none.toString(), none);
        }
    }

    private static StateHeader requireKnown(StateHeader header, String name) {
        if (header.getFormat() != FORMAT) {
            throw new FerryException(ErrorCode.FORMAT_UNKNOWN, "State file " + name + " has format " + header.getFormat() + " (of Ferry '" + header.getVersion() + "'); this Ferry knows format " + FORMAT);
        }
        return header;
    }

    private static void requireEnd(StateEnd end, long rows, InputStream file, String name) throws IOException {
        // Only at its very end the checksum is looked at.
        if (end.getRows() != rows || file.read() != -1) {
            throw damaged(name, "it holds " + rows + " rows, its end says " + end.getRows(), null);
        }
    }

    private static <B extends Message.Builder> B next(B builder, InputStream file) throws IOException {
        if (!builder.mergeDelimitedFrom(file)) {
            throw new EOFException("it was cut off");
        }
        return builder;
    }

    private static FerryException damaged(String name, String how, @Nullable Throwable cause) {
        return new FerryException(ErrorCode.INVALID_ARGUMENT, "State file " + name + " is damaged or none: " + how + "; nothing was taken from it", cause);
    }
}
