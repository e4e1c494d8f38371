package dev.ferry.node.criu;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import dev.ferry.node.posix.DescriptorSocket;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The messages of CRIU's image-streamer protocol: a length (u32, little endian) and a protobuf
 * message. Request: {@code {1: filename}}. Answer on a restore: {@code {1: exists}}.
 */
final class StreamerProtocol {
    static final String CAPTURE_SOCKET = "streamer-capture.sock";
    static final String SERVE_SOCKET = "streamer-serve.sock";

    private static final int LONGEST_REQUEST = 4096;

    private StreamerProtocol() {}

    /** The file that CRIU asks for next; null when it has hung up. */
    static @Nullable String readRequest(DescriptorSocket socket) throws IOException {
        ByteBuffer length = ByteBuffer.allocateDirect(4).order(ByteOrder.LITTLE_ENDIAN);
        if (!socket.readFully(length)) {
            return null;
        }
        int bytes = length.flip().getInt();
        if (bytes <= 0 || bytes > LONGEST_REQUEST) {
            throw new IOException("CRIU sent a request of " + bytes + " bytes");
        }
        ByteBuffer message = ByteBuffer.allocateDirect(bytes);
        if (!socket.readFully(message)) {
            throw new IOException("CRIU hung up within a request");
        }
        CodedInputStream fields = CodedInputStream.newInstance(message.flip());
        int tag;
        while ((tag = fields.readTag()) != 0) {
            if (WireFormat.getTagFieldNumber(tag) == 1) {
                return fields.readString();
            }
            fields.skipField(tag);
        }
        throw new IOException("CRIU sent a request without a file name");
    }

    static void writeExists(DescriptorSocket socket, boolean exists) throws IOException {
        ByteBuffer answer = ByteBuffer.allocateDirect(6).order(ByteOrder.LITTLE_ENDIAN);
        answer.putInt(2).put((byte) 0x08).put((byte) (exists ? 1 : 0)).flip();
        socket.write(answer);
    }
}
