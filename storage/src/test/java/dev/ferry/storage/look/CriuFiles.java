package dev.ferry.storage.look;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Files that are put together as CRIU does, by the numbers of its images/*.proto. */
public final class CriuFiles {
    private CriuFiles() {}

    /** A message of fields: number and value in turn; a value is a long, text, bytes or a message. */
    public static ByteString message(Object... fields) {
        UnknownFieldSet.Builder set = UnknownFieldSet.newBuilder();
        for (int i = 0; i < fields.length; i += 2) {
            UnknownFieldSet.Field field =
                    switch (fields[i + 1]) {
                        case Long number -> UnknownFieldSet.Field.newBuilder().addVarint(number).build();
                        case String text -> UnknownFieldSet.Field.newBuilder().addLengthDelimited(ByteString.copyFromUtf8(text)).build();
                        case ByteString bytes -> UnknownFieldSet.Field.newBuilder().addLengthDelimited(bytes).build();
                        default -> throw new IllegalArgumentException();
                    };
            set.mergeField((Integer) fields[i], field);
        }
        return set.build().toByteString();
    }

    public static byte[] file(ByteString... entries) {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(new byte[] {0x19, 0x43, 0x56, 0x54, 1, 2, 3, 4});
        for (ByteString entry : entries) {
            file.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(entry.size()).array());
            file.writeBytes(entry.toByteArray());
        }
        return file.toByteArray();
    }

    /** The inventory has one magic number less than others. */
    public static byte[] inventory(ByteString entry) {
        byte[] file = file(entry);
        return java.util.Arrays.copyOfRange(file, 4, file.length);
    }
}
