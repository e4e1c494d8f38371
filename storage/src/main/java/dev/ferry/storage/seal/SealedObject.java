package dev.ferry.storage.seal;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * How one object is sealed. A header of 160 bytes: {@code FERRYENC}, the plain length (8, big endian), a salt (32
 * random bytes), the length (1) and name of the tenant's key, zeros. Then segments of 64 KiB of plain bytes, the last
 * one shorter, each with a tag of 16 bytes; an empty object has one empty segment.
 *
 * <p>Each object has a key of its own: HMAC-SHA-256 of the salt by the tenant's key. The nonce is the segment's number,
 * so no nonce is ever used twice with one key, whatever random numbers repeat elsewhere. Each segment is bound to the
 * object's key in the store and to the whole header: no object can take another's place, no segment another's, none can
 * be left out, and the length can't be changed.
 */
final class SealedObject {
    static final int HEADER = 160;
    static final int SALT_BYTES = 32;
    private static final byte[] MAGIC = "FERRYENC".getBytes(StandardCharsets.US_ASCII);
    private static final int SEGMENT = 64 << 10;
    private static final int SEALED_SEGMENT = SEGMENT + Crypto.TAG_BYTES;
    private static final byte[] PURPOSE = "ferry object key".getBytes(StandardCharsets.US_ASCII);

    private final String object;
    private final long length;
    private final byte[] bound;
    private final SecretKey key;

    private SealedObject(String object, long length, byte[] header, byte[] salt, SecretKey tenant) {
        this.object = object;
        this.length = length;
        byte[] name = object.getBytes(StandardCharsets.UTF_8);
        bound = Arrays.copyOf(header, header.length + name.length);
        System.arraycopy(name, 0, bound, header.length, name.length);
        key = new SecretKeySpec(Crypto.hmac(tenant, PURPOSE, salt), Crypto.AES);
    }

    static boolean isSealed(byte[] begin) {
        return begin.length >= MAGIC.length && Arrays.equals(begin, 0, MAGIC.length, MAGIC, 0, MAGIC.length);
    }

    /** Length of a sealed object of so many plain bytes. */
    private static long sealedLength(long plain) {
        return HEADER + plain + segments(plain) * Crypto.TAG_BYTES;
    }

    private static long segments(long plain) {
        return Math.max(1, (plain + SEGMENT - 1) / SEGMENT);
    }

    /**
     * @param salt random, and never used before
     */
    static ByteBuffer seal(String object, ByteBuffer plain, KeyRing.Named tenant, byte[] salt) {
        byte[] name = tenant.name().getBytes(StandardCharsets.UTF_8);
        ByteBuffer sealed = ByteBuffer.allocate(Math.toIntExact(sealedLength(plain.remaining())));
        sealed.put(MAGIC).putLong(plain.remaining()).put(salt).put((byte) name.length).put(name).position(HEADER);
        SealedObject sealing = new SealedObject(object, plain.remaining(), Arrays.copyOf(sealed.array(), HEADER), salt, tenant.key());
        Cipher cipher = Crypto.cipher();
        ByteBuffer rest = plain.duplicate();
        for (long segment = 0; segment < segments(plain.remaining()); segment++) {
            ByteBuffer part = rest.slice(rest.position(), Math.min(SEGMENT, rest.remaining()));
            rest.position(rest.position() + part.remaining());
            Crypto.seal(cipher, sealing.key, nonce(segment), sealing.bound, part, sealed);
        }
        return sealed.flip();
    }

    private static byte[] nonce(long segment) {
        return ByteBuffer.allocate(Crypto.NONCE_BYTES).putInt(0).putLong(segment).array();
    }

    /**
     * Takes a header; whether it is what was written shows when a segment is opened.
     *
     * @throws FerryException CHUNK_CORRUPT, KEY_WRONG, RECORD_CORRUPT
     */
    static SealedObject ofHeader(String object, byte[] header, KeyRing keys) {
        ByteBuffer rest = ByteBuffer.wrap(header).position(MAGIC.length);
        long length = rest.getLong();
        byte[] salt = new byte[SALT_BYTES];
        rest.get(salt);
        int nameLength = Byte.toUnsignedInt(rest.get());
        if (length < 0 || nameLength > rest.remaining()) {
            throw damaged(object, "its header can't be");
        }
        String name = new String(header, rest.position(), nameLength, StandardCharsets.UTF_8);
        if (!name.matches(KeyRing.TENANT.pattern() + "/\\d{10}")) {
            throw damaged(object, "it names no key of a tenant");
        }
        return new SealedObject(object, length, header, salt, keys.named(name).key());
    }

    long length() {
        return length;
    }

    /** Where in the sealed object the segments lie that hold some plain bytes: offset of the first one's begin. */
    long begin(long offset) {
        return HEADER + offset / SEGMENT * SEALED_SEGMENT;
    }

    /** How long those segments are together. */
    int extent(long offset, int count) {
        long last = Math.max(offset, offset + count - 1) / SEGMENT;
        long end = Math.min(HEADER + (last + 1) * SEALED_SEGMENT, sealedLength(length));
        return Math.toIntExact(end - begin(offset));
    }

    /**
     * Opens those segments and gives out the plain bytes that were asked for.
     *
     * @throws FerryException CHUNK_CORRUPT
     */
    void open(long offset, ByteBuffer segments, ByteBuffer into) {
        Cipher cipher = Crypto.cipher();
        ByteBuffer plain = ByteBuffer.allocate(SEGMENT);
        long segment = offset / SEGMENT;
        int skip = (int) (offset % SEGMENT);
        while (segments.hasRemaining()) {
            ByteBuffer part = segments.slice(segments.position(), Math.min(SEALED_SEGMENT, segments.remaining()));
            segments.position(segments.position() + part.remaining());
            if (!Crypto.open(cipher, key, nonce(segment), bound, part, plain.clear())) {
                throw damaged(object, "its segment " + segment + " does not fit its key");
            }
            plain.flip().position(Math.min(skip, plain.limit()));
            skip = 0;
            plain.limit(Math.min(plain.limit(), plain.position() + into.remaining()));
            into.put(plain);
            segment++;
        }
    }

    /** Opens a whole object. */
    byte[] openAll(byte[] sealed) {
        if (sealed.length != sealedLength(length)) {
            throw damaged(object, "it has " + sealed.length + " bytes, not " + sealedLength(length));
        }
        byte[] plain = new byte[Math.toIntExact(length)];
        open(0, ByteBuffer.wrap(sealed, HEADER, sealed.length - HEADER), ByteBuffer.wrap(plain));
        return plain;
    }

    static FerryException damaged(String object, String why) {
        return new FerryException(ErrorCode.CHUNK_CORRUPT, "Object " + object + " is not what was written: " + why);
    }
}
