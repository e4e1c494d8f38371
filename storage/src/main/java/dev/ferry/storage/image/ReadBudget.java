package dev.ferry.storage.image;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.WireFormat;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * How much memory may be taken to read one object. What comes from a store is believed nothing: a message of a few megabytes can name millions of
 * entries that become gigabytes, and a process without memory dies with all that it does. So what something would take is known before it is made:
 * messages are counted as they lie, nothing is built for it. Used by one thread.
 */
public final class ReadBudget {
    /** An empty message with the room for it in a list, and what handles it while it is changed. */
    static final int MESSAGE = 192;

    /** A string or some bytes, beside what is in them. */
    static final int TEXT = 64;

    /** A number in a list, which has one byte at least as it lies. */
    static final int NUMBER = 8;

    /** A chunk in a list: name, checksum, length and place. */
    static final int CHUNK = 64;

    private static final int PARTS_OF_MEMORY = 2;

    private final String what;
    private final long atMost;
    private long taken;

    ReadBudget(String what, long atMost) {
        this.what = what;
        this.atMost = atMost;
    }

    /**
     * Half of what this process may have.
     *
     * @param what is read, for errors
     */
    public static ReadBudget of(String what) {
        return new ReadBudget(what, Runtime.getRuntime().maxMemory() / PARTS_OF_MEMORY);
    }

    static ReadBudget ofManifest(String image) {
        return ofManifest(image, 1);
    }

    /**
     * @param together so many manifests may be read at once, which have that half together
     */
    static ReadBudget ofManifest(String image, int together) {
        return new ReadBudget("The manifest of image " + image, Runtime.getRuntime().maxMemory() / PARTS_OF_MEMORY / together);
    }

    /** One that is not larger than so many bytes. */
    ReadBudget within(long bytes) {
        return new ReadBudget(what, Math.min(atMost, bytes));
    }

    /**
     * @throws FerryException OBJECT_TOO_LARGE: not so much may be taken
     */
    void take(long bytes) {
        if (bytes > atMost - taken) {
            throw new FerryException(ErrorCode.OBJECT_TOO_LARGE, what + " would take more than the " + Sizes.format(atMost) + " of memory that this process has for it");
        }
        taken += bytes;
    }

    void giveBack(long bytes) {
        taken -= bytes;
    }

    /**
     * Takes what a message will need when it is parsed.
     *
     * @throws IOException when it is none
     * @throws FerryException OBJECT_TOO_LARGE
     */
    void takeFor(ByteBuffer message, Descriptor type) throws IOException {
        takeFor(CodedInputStream.newInstance(message.duplicate()), type);
    }

    private void takeFor(CodedInputStream in, Descriptor type) throws IOException {
        take(MESSAGE);
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            FieldDescriptor field = type.findFieldByNumber(WireFormat.getTagFieldNumber(tag));
            if (WireFormat.getTagWireType(tag) != WireFormat.WIRETYPE_LENGTH_DELIMITED) {
                // Also one that is not known: it is kept.
                take(NUMBER);
                if (field == null) {
                    take(TEXT);
                }
                skip(in, tag);
            } else {
                delimited(in, field);
            }
        }
    }

    private void delimited(CodedInputStream in, @Nullable FieldDescriptor field) throws IOException {
        int length = in.readRawVarint32();
        if (field != null && field.getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
            int outer = in.pushLimit(length);
            takeFor(in, field.getMessageType());
            in.popLimit(outer);
            return;
        }
        boolean numbers = field != null && field.isPackable();
        take(TEXT + (long) Math.max(0, length) * (numbers ? NUMBER : 1));
        in.skipRawBytes(length);
    }

    private static void skip(CodedInputStream in, int tag) throws IOException {
        if (!in.skipField(tag)) {
            throw new IOException("it ends a group that it has not begun");
        }
    }
}
