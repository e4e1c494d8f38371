package dev.ferry.storage.image;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;

/** A manifest as an object: eight bytes that name the format, the SHA-256 of the rest, the message. */
public final class ManifestFormat {
    /** The version that this code writes. */
    public static final int VERSION = 1;

    private static final byte[] MAGIC = "FERRYIMG".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER = MAGIC.length + ChunkName.BYTES;

    private ManifestFormat() {}

    static ByteBuffer write(Manifest manifest) {
        byte[] object = new byte[HEADER + manifest.getSerializedSize()];
        ByteBuffer body = ByteBuffer.wrap(object, HEADER, object.length - HEADER);
        try {
            manifest.writeTo(com.google.protobuf.CodedOutputStream.newInstance(body));
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        System.arraycopy(MAGIC, 0, object, 0, MAGIC.length);
        MessageDigest digest = ChunkName.sha256();
        digest.update(object, HEADER, object.length - HEADER);
        System.arraycopy(digest.digest(), 0, object, MAGIC.length, ChunkName.BYTES);
        return ByteBuffer.wrap(object);
    }

    /**
     * @throws FerryException MANIFEST_CORRUPT, FORMAT_UNKNOWN
     */
    public static Manifest read(String image, byte[] object) {
        if (object.length < HEADER || !Arrays.equals(object, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
            throw new FerryException(ErrorCode.MANIFEST_CORRUPT, "The manifest of image " + image + " does not begin as a manifest does");
        }
        MessageDigest digest = ChunkName.sha256();
        digest.update(object, HEADER, object.length - HEADER);
        if (!Arrays.equals(digest.digest(), Arrays.copyOfRange(object, MAGIC.length, HEADER))) {
            throw new FerryException(ErrorCode.MANIFEST_CORRUPT, "The manifest of image " + image + " is not what was written: its checksum differs");
        }
        Manifest manifest;
        try {
            CodedInputStream input = CodedInputStream.newInstance(object, HEADER, object.length - HEADER);
            manifest = Manifest.parseFrom(input);
        } catch (InvalidProtocolBufferException malformed) {
            throw new FerryException(ErrorCode.FORMAT_UNKNOWN, "The manifest of image " + image + " can't be read by this Ferry: " + malformed.getMessage(), malformed);
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        if (manifest.getFormatVersion() != VERSION) {
            throw new FerryException(
                    ErrorCode.FORMAT_UNKNOWN, "Image " + image + " has format " + manifest.getFormatVersion() + "; this Ferry knows format " + VERSION);
        }
        return manifest;
    }
}
