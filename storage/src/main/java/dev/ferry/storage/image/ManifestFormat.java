package dev.ferry.storage.image;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.Message;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.ManifestHead;
import dev.ferry.proto.v1.ManifestPart;
import dev.ferry.proto.v1.StoredVolume;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntFunction;

/**
 * A manifest as an object. Format 2: eight bytes that name the format, the length of the head, its SHA-256,
 * the head, and the parts that the head lists with the SHA-256 of each: so each part can be read and
 * checked alone. Format 1, which is only read: eight bytes, the SHA-256 of the rest, one message.
 */
public final class ManifestFormat {
    /** The version that this code writes. */
    public static final int VERSION = 2;

    static final int PREAMBLE = 8 + Integer.BYTES + ChunkName.BYTES;
    private static final int LONGEST_HEAD = 16 << 20;
    /** A list of the chunks of several terabytes. */
    private static final int LONGEST_PART = 512 << 20;
    private static final int FIRST_VERSION = 1;
    private static final byte[] MAGIC = "FERRYIM2".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] FIRST_MAGIC = "FERRYIMG".getBytes(StandardCharsets.US_ASCII);
    private static final int FIRST_HEADER = 8 + ChunkName.BYTES;

    private ManifestFormat() {}

    static ByteBuffer write(Manifest manifest) {
        List<ByteString> parts = new ArrayList<>();
        // The first part names the others: it is made last and put first.
        Manifest tree = ManifestLists.takeOut(manifest, list -> {
            parts.add(list.toByteString());
            return parts.size();
        });
        parts.addFirst(tree.toBuilder().clearImage().clearSpec().clearFormatVersion().clearWriter().build().toByteString());
        ManifestHead.Builder head = ManifestHead.newBuilder().setFormatVersion(VERSION).setImage(manifest.getImage()).setSpec(manifest.getSpec()).setWriter(manifest.getWriter());
        parts.forEach(part -> head.addParts(ManifestPart.newBuilder().setLength(part.size()).setSha256(ByteString.copyFrom(sha256(part.asReadOnlyByteBuffer())))));
        ByteString first = head.build().toByteString();
        ByteBuffer object = ByteBuffer.allocate(PREAMBLE + first.size() + parts.stream().mapToInt(ByteString::size).sum());
        object.put(MAGIC).putInt(first.size()).put(sha256(first.asReadOnlyByteBuffer()));
        first.copyTo(object);
        parts.forEach(part -> part.copyTo(object));
        return object.flip();
    }

    /**
     * A whole object of any format that is known.
     *
     * @throws FerryException MANIFEST_CORRUPT, FORMAT_UNKNOWN, OBJECT_TOO_LARGE
     */
    public static Manifest read(String image, byte[] object) {
        return read(image, object, ReadBudget.ofManifest(image));
    }

    /**
     * As {@link #read}, of what lies at an image's place in a store: who exchanges two whole manifests must not bring back one job as another.
     *
     * @throws FerryException MANIFEST_CORRUPT also when it is that of another image; FORMAT_UNKNOWN, OBJECT_TOO_LARGE
     */
    public static Manifest readOf(String image, byte[] object) {
        return readOf(image, object, ReadBudget.ofManifest(image));
    }

    static Manifest readOf(String image, byte[] object, ReadBudget budget) {
        Manifest manifest = read(image, object, budget);
        requireOf(image, manifest.getImage());
        return manifest;
    }

    /**
     * @throws FerryException MANIFEST_CORRUPT: what lies at the place of one image speaks of another
     */
    static void requireOf(String image, Image found) {
        // An id may be written with zeros before its number.
        if (!Keys.image(Keys.manifest(image)).equals(found.getId())) {
            throw corrupt(image, "it is the manifest of image '" + found.getId() + "'");
        }
    }

    static Manifest read(String image, byte[] object, ReadBudget budget) {
        if (isFirstFormat(object)) {
            return readFirst(image, object, budget);
        }
        int headLength = headLength(image, object);
        if (headLength > object.length - PREAMBLE) {
            throw corrupt(image, "it ends within its head");
        }
        ManifestHead head = head(image, object, ByteBuffer.wrap(object, PREAMBLE, headLength), budget);
        ByteBuffer rest = ByteBuffer.wrap(object, PREAMBLE + headLength, object.length - PREAMBLE - headLength);
        long wanted = head.getPartsList().stream().mapToLong(ManifestPart::getLength).sum();
        if (wanted != rest.remaining()) {
            throw corrupt(image, "it has " + rest.remaining() + " bytes behind its head, not " + wanted);
        }
        List<ByteBuffer> parts = new ArrayList<>();
        for (ManifestPart part : head.getPartsList()) {
            parts.add(rest.slice(rest.position(), part.getLength()));
            rest.position(rest.position() + part.getLength());
        }
        Manifest tree = tree(image, head, parts.getFirst(), budget);
        return ManifestLists.putBack(image, tree, once(image, index -> list(image, head, index, parts.get(index), budget)), budget);
    }

    /** Each part is one list: a part that is many would be as many times as large. */
    static IntFunction<ChunkList> once(String image, IntFunction<ChunkList> parts) {
        BitSet used = new BitSet();
        return index -> {
            if (index < 0 || used.get(index)) {
                throw corrupt(image, "its part " + index + " is " + (index < 0 ? "none" : "two lists"));
            }
            used.set(index);
            return parts.apply(index);
        };
    }

    static ChunkList list(String image, ManifestHead head, int index, ByteBuffer part, ReadBudget budget) {
        return message(image, head, index, part, ChunkList.getDefaultInstance(), budget);
    }

    /**
     * Asked before an image is committed, after which its job may be ended: what nobody could read back must not be written.
     *
     * @param manifest what was written
     * @throws FerryException OBJECT_TOO_LARGE
     */
    static void requireReadable(String image, Manifest manifest, ByteBuffer written) {
        requireReadable(image, manifest, written, ReadBudget.ofManifest(image));
    }

    static void requireReadable(String image, Manifest manifest, ByteBuffer written, ReadBudget budget) {
        byte[] object = written.array();
        int headLength = headLength(image, object);
        ManifestHead head = head(image, object, ByteBuffer.wrap(object, PREAMBLE, headLength), budget);
        int at = PREAMBLE + headLength;
        try {
            for (int part = 0; part < head.getPartsCount(); part++) {
                int length = head.getParts(part).getLength();
                budget.takeFor(ByteBuffer.wrap(object, at, length), part == 0 ? Manifest.getDescriptor() : ChunkList.getDescriptor());
                at += length;
            }
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        long chunks = manifest.getFilesList().stream().mapToLong(file -> file.getChunks().getLengthsCount()).sum();
        for (StoredVolume volume : manifest.getVolumesList()) {
            chunks += volume.getEntriesList().stream().mapToLong(entry -> entry.getChunks().getLengthsCount()).sum();
        }
        budget.take(chunks * ReadBudget.CHUNK);
    }

    static boolean isFirstFormat(byte[] object) {
        return startsWith(object, FIRST_MAGIC);
    }

    /**
     * @param preamble the first {@link #PREAMBLE} bytes, at least
     * @throws FerryException IMAGE_NOT_FOUND when the dump was given up, KEY_WRONG, MANIFEST_CORRUPT, FORMAT_UNKNOWN
     */
    static int headLength(String image, byte[] preamble) {
        Records.requirePlain("The manifest of image " + image, preamble);
        if (Records.isRecord(preamble)) {
            throw new FerryException(ErrorCode.IMAGE_NOT_FOUND, "Image " + image + " was given up before it was whole");
        }
        if (preamble.length < PREAMBLE || !startsWith(preamble, Arrays.copyOf(MAGIC, MAGIC.length - 1))) {
            throw corrupt(image, "it does not begin as a manifest does");
        }
        if (!startsWith(preamble, MAGIC)) {
            throw new FerryException(
                    ErrorCode.FORMAT_UNKNOWN, "Image " + image + " has format '" + (char) preamble[MAGIC.length - 1] + "'; this Ferry knows formats " + FIRST_VERSION + " and " + VERSION);
        }
        int length = ByteBuffer.wrap(preamble).getInt(MAGIC.length);
        if (length <= 0 || length > LONGEST_HEAD) {
            throw corrupt(image, "its head would have " + length + " bytes");
        }
        return length;
    }

    static ManifestHead head(String image, byte[] preamble, ByteBuffer head, ReadBudget budget) {
        if (!Arrays.equals(sha256(head.duplicate()), Arrays.copyOfRange(preamble, MAGIC.length + Integer.BYTES, PREAMBLE))) {
            throw corrupt(image, "the checksum of its head differs");
        }
        ManifestHead read = parse(image, head, ManifestHead.getDefaultInstance(), budget);
        requireVersion(image, read.getFormatVersion(), VERSION);
        if (read.getPartsList().stream().anyMatch(part -> part.getLength() < 0 || part.getLength() > LONGEST_PART)) {
            throw corrupt(image, "it has a part of an impossible length");
        }
        if (read.getPartsCount() == 0) {
            throw corrupt(image, "it has no parts");
        }
        return read;
    }

    /** The first part, with what the head says; lists that are long are left out of it. */
    static Manifest tree(String image, ManifestHead head, ByteBuffer part, ReadBudget budget) {
        return message(image, head, 0, part, Manifest.getDefaultInstance(), budget).toBuilder().setFormatVersion(VERSION).setImage(head.getImage()).setSpec(head.getSpec()).setWriter(head.getWriter()).build();
    }

    private static <M extends Message> M message(String image, ManifestHead head, int index, ByteBuffer part, M empty, ReadBudget budget) {
        if (!Arrays.equals(sha256(part.duplicate()), head.getParts(index).getSha256().toByteArray())) {
            throw corrupt(image, "the checksum of its part " + index + " differs");
        }
        return parse(image, part, empty, budget);
    }

    private static <M extends Message> M parse(String image, ByteBuffer bytes, M empty, ReadBudget budget) {
        try {
            budget.takeFor(bytes, empty.getDescriptorForType());
            @SuppressWarnings("unchecked")
            M read = (M) empty.getParserForType().parseFrom(CodedInputStream.newInstance(bytes.duplicate()));
            return read;
        } catch (IOException malformed) {
            throw new FerryException(ErrorCode.FORMAT_UNKNOWN, "The manifest of image " + image + " can't be read by this Ferry: " + malformed.getMessage(), malformed);
        }
    }

    private static Manifest readFirst(String image, byte[] object, ReadBudget budget) {
        if (object.length < FIRST_HEADER) {
            throw corrupt(image, "it does not begin as a manifest does");
        }
        ByteBuffer body = ByteBuffer.wrap(object, FIRST_HEADER, object.length - FIRST_HEADER);
        if (!Arrays.equals(sha256(body.duplicate()), Arrays.copyOfRange(object, FIRST_MAGIC.length, FIRST_HEADER))) {
            throw corrupt(image, "its checksum differs");
        }
        Manifest manifest = parse(image, body, Manifest.getDefaultInstance(), budget);
        requireVersion(image, manifest.getFormatVersion(), FIRST_VERSION);
        return manifest;
    }

    private static void requireVersion(String image, int found, int known) {
        if (found != known) {
            throw new FerryException(ErrorCode.FORMAT_UNKNOWN, "Image " + image + " has format " + found + "; this Ferry knows formats " + FIRST_VERSION + " and " + VERSION);
        }
    }

    private static boolean startsWith(byte[] object, byte[] begin) {
        return object.length >= begin.length && Arrays.equals(object, 0, begin.length, begin, 0, begin.length);
    }

    private static byte[] sha256(ByteBuffer bytes) {
        MessageDigest digest = ChunkName.sha256();
        digest.update(bytes);
        return digest.digest();
    }

    static FerryException corrupt(String image, String why) {
        return new FerryException(ErrorCode.MANIFEST_CORRUPT, "The manifest of image " + image + " is not what was written: " + why);
    }

    static FerryException corrupt(String image, IOException why) {
        return corrupt(image, String.valueOf(why.getMessage()));
    }
}
