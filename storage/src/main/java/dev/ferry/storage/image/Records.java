package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.StoreRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;

/** Small objects of the store: eight bytes that name the format, the SHA-256 of the rest, one message. */
public final class Records {
    private static final byte[] MAGIC = "FERRYREC".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] SEALED = "FERRYENC".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER = 8 + ChunkName.BYTES;

    private Records() {}

    public static ByteBuffer write(StoreRecord record) {
        byte[] body = record.toByteArray();
        return ByteBuffer.allocate(HEADER + body.length).put(MAGIC).put(ChunkName.sha256().digest(body)).put(body).flip();
    }

    /** Whether an object begins as a record does. */
    public static boolean isRecord(byte[] object) {
        return object.length >= MAGIC.length && Arrays.equals(object, 0, MAGIC.length, MAGIC, 0, MAGIC.length);
    }

    /**
     * @throws FerryException KEY_WRONG when the object is encrypted, and whoever reads it has no key
     */
    static void requirePlain(String what, byte[] begin) {
        if (begin.length >= SEALED.length && Arrays.equals(begin, 0, SEALED.length, SEALED, 0, SEALED.length)) {
            throw new FerryException(ErrorCode.KEY_WRONG, what + " is encrypted, and no master key is configured here");
        }
    }

    /**
     * @throws FerryException RECORD_CORRUPT, KEY_WRONG, OBJECT_TOO_LARGE
     */
    public static StoreRecord read(String key, byte[] object) {
        requirePlain("Object " + key, object);
        if (!isRecord(object) || object.length < HEADER) {
            throw corrupt(key, "it does not begin as a record does");
        }
        MessageDigest digest = ChunkName.sha256();
        digest.update(object, HEADER, object.length - HEADER);
        if (!Arrays.equals(digest.digest(), Arrays.copyOfRange(object, MAGIC.length, HEADER))) {
            throw corrupt(key, "its checksum differs");
        }
        ByteBuffer body = ByteBuffer.wrap(object, HEADER, object.length - HEADER);
        try {
            ReadBudget.of("Object " + key).takeFor(body, StoreRecord.getDescriptor());
            return StoreRecord.parseFrom(body);
        } catch (IOException malformed) {
            throw corrupt(key, String.valueOf(malformed.getMessage()));
        }
    }

    private static FerryException corrupt(String key, String why) {
        return new FerryException(ErrorCode.RECORD_CORRUPT, "Object " + key + " is not what was written: " + why);
    }
}
