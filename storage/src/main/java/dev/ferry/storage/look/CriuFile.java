package dev.ferry.storage.look;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * One of CRIU's files of entries: two magic numbers, then for each entry its length (4 bytes, little endian) and a
 * protobuf message (https://criu.org/Images). Fields are named by their numbers in CRIU's images/*.proto.
 *
 * @param magic the magic numbers as they are; the inventory has only one
 */
public record CriuFile(ByteString magic, List<Entry> entries) {
    private static final int MAGIC_BYTES = 8;
    /** The last of CRIU's files, with what holds for all. */
    public static final String INVENTORY = "inventory.img";

    /** One message, or one within another. */
    public record Entry(UnknownFieldSet fields) {
        /** A number; 0: it is not set. */
        public long number(int field) {
            List<Long> values = fields.getField(field).getVarintList();
            return values.isEmpty() ? 0 : values.getLast();
        }

        public boolean has(int field) {
            return fields.hasField(field);
        }

        /** All numbers of a repeated field, packed or not. */
        public List<Long> numbers(int field) {
            List<Long> all = new ArrayList<>(fields.getField(field).getVarintList());
            for (ByteString packed : fields.getField(field).getLengthDelimitedList()) {
                try {
                    var in = packed.newCodedInput();
                    while (!in.isAtEnd()) {
                        all.add(in.readRawVarint64());
                    }
                } catch (java.io.IOException malformed) {
                    throw new IllegalArgumentException("field " + field + " is no list of numbers", malformed);
                }
            }
            return all;
        }

        /** Bytes, text or a message; empty: it is not set. */
        public ByteString bytes(int field) {
            List<ByteString> values = fields.getField(field).getLengthDelimitedList();
            return values.isEmpty() ? ByteString.EMPTY : values.getLast();
        }

        public String text(int field) {
            return bytes(field).toStringUtf8();
        }

        public List<Entry> messages(int field) {
            return fields.getField(field).getLengthDelimitedList().stream().map(Entry::parse).toList();
        }

        public Entry message(int field) {
            return parse(bytes(field));
        }

        private static Entry parse(ByteString message) {
            try {
                return new Entry(UnknownFieldSet.parseFrom(message));
            } catch (InvalidProtocolBufferException malformed) {
                throw new IllegalArgumentException(malformed);
            }
        }
    }

    /**
     * @param name of the file
     * @throws IllegalArgumentException when this is no such file
     */
    public static CriuFile parse(String name, byte[] content) {
        List<Entry> entries = new ArrayList<>();
        int begin = name.equals(INVENTORY) ? MAGIC_BYTES / 2 : MAGIC_BYTES;
        if (content.length < begin) {
            throw new IllegalArgumentException("it ends within its magic numbers");
        }
        ByteBuffer rest = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).position(begin);
        while (rest.hasRemaining()) {
            int length = rest.remaining() < Integer.BYTES ? -1 : rest.getInt();
            if (length < 0 || length > rest.remaining()) {
                throw new IllegalArgumentException("an entry ends behind the file");
            }
            entries.add(Entry.parse(ByteString.copyFrom(rest.slice(rest.position(), length))));
            rest.position(rest.position() + length);
        }
        return new CriuFile(ByteString.copyFrom(content, 0, begin), entries);
    }

    /** The file as CRIU reads it. */
    public byte[] content() {
        int length = magic.size() + entries.stream().mapToInt(entry -> Integer.BYTES + entry.fields().getSerializedSize()).sum();
        ByteBuffer content = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN).put(magic.asReadOnlyByteBuffer());
        for (Entry entry : entries) {
            byte[] message = entry.fields().toByteArray();
            content.putInt(message.length).put(message);
        }
        return content.array();
    }
}
