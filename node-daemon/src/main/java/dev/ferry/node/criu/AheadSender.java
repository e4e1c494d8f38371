package dev.ferry.node.criu;

import dev.ferry.node.posix.DescriptorSocket;
import dev.ferry.node.posix.PosixException;
import dev.ferry.storage.ByteSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** What the daemon says to {@code ferry-ahead.c}: its messages are described in {@code ferry-ahead.h}. */
final class AheadSender {
    private static final int AREA = 1;
    private static final int CONTENT = 2;
    private static final int FILLED = 3;
    private static final int MESSAGE_BYTES = 24;

    private final DescriptorSocket to;
    private final ByteBuffer message = ByteBuffer.allocateDirect(MESSAGE_BYTES).order(ByteOrder.nativeOrder());
    private @Nullable ByteBuffer left;
    private long bytes;

    AheadSender(DescriptorSocket to) {
        this.to = to;
    }

    /** Content of memory that was sent. */
    long bytes() {
        return bytes;
    }

    /** Makes room for one of a process's mappings; the content that follows is of it. */
    void area(int process, PageRun area) throws PosixException {
        message(AREA, process, area.begin(), area.bytes());
    }

    /** Sends the next bytes of a source, of which the ones of the calls before were the first. */
    void content(PageRun run, ByteSource source) throws IOException {
        message(CONTENT, 0, run.begin(), run.bytes());
        for (long wanted = run.bytes(); wanted > 0; ) {
            if (left == null || !left.hasRemaining()) {
                left = source.next();
                if (left == null) {
                    throw new IOException("what was copied ahead ends before its addresses");
                }
            }
            int part = (int) Math.min(wanted, left.remaining());
            to.write(left.slice(left.position(), part));
            left.position(left.position() + part);
            wanted -= part;
            bytes += part;
        }
    }

    /**
     * That is all.
     *
     * @return whether there was memory for it
     * @throws PosixException also when nobody is there to say it
     */
    boolean end() throws PosixException {
        message(FILLED, 0, 0, 0);
        ByteBuffer answer = ByteBuffer.allocateDirect(1);
        return to.readFully(answer) && answer.get(0) == 1;
    }

    private void message(int kind, int process, long address, long length) throws PosixException {
        to.write(message.clear().putInt(kind).putInt(process).putLong(address).putLong(length).flip());
    }
}
