package dev.ferry.storage.image;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import java.io.ByteArrayOutputStream;
import java.io.IOException;

/**
 * A list of chunks as it lies in a manifest of format 2: about 46 bytes a chunk, 32 of which are its
 * name and 8 its checksum. Each chunk has three or four varints: its plain length (whole pages as twice their number, else
 * twice the bytes plus one); its stored length (0: zeros, 1: as long as the plain one, else plus two); and, if
 * stored, 0 when it lies right behind the chunk before, else 1 + the zigzag difference of the packs'
 * indexes, and the offset.
 */
final class ChunkListFormat {
    private static final int PAGE = 4096;
    private static final int ZEROS = 0;
    private static final int PLAIN = 1;
    private static final int BASE = 2;
    private static final int MOST_ZEROS = PageCutter.MOST_ZERO_BYTES;

    private ChunkListFormat() {}

    static ChunkList pack(ChunkList list) {
        ByteString.Output hashes = ByteString.newOutput(list.getHashes().size());
        ByteString.Output checks = ByteString.newOutput(list.getChecks().size());
        ByteArrayOutputStream places = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(places);
        int lastPack = 0;
        long expected = 0;
        try {
            for (int i = 0; i < list.getLengthsCount(); i++) {
                int length = list.getLengths(i);
                int stored = list.getStored(i);
                out.writeUInt32NoTag(length % PAGE == 0 ? length / PAGE << 1 : length << 1 | 1);
                out.writeUInt32NoTag(stored == 0 ? ZEROS : stored == length ? PLAIN : stored + BASE);
                if (stored > 0) {
                    int pack = list.getPack(i);
                    long offset = list.getOffset(i);
                    if (pack == lastPack && offset == expected) {
                        out.writeUInt32NoTag(0);
                    } else {
                        out.writeUInt32NoTag(1 + CodedOutputStream.encodeZigZag32(pack - lastPack));
                        out.writeUInt64NoTag(offset);
                    }
                    lastPack = pack;
                    expected = offset + stored;
                    list.getHashes().substring(i * ChunkName.BYTES, (i + 1) * ChunkName.BYTES).writeTo(hashes);
                    if (!list.getChecks().isEmpty()) {
                        list.getChecks().substring(i * ChunkCheck.BYTES, (i + 1) * ChunkCheck.BYTES).writeTo(checks);
                    }
                }
            }
            out.flush();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        return ChunkList.newBuilder().setHashes(hashes.toByteString()).setChecks(checks.toByteString()).setPlaces(ByteString.copyFrom(places.toByteArray())).build();
    }

    /**
     * @param packs how many packs the manifest names
     * @throws IOException when this is no such list, or names what can't be
     * @throws FerryException OBJECT_TOO_LARGE: two bytes are enough for a chunk of zeros
     */
    static ChunkList unpack(ChunkList packed, int packs, ReadBudget budget) throws IOException {
        Cursor chunk = new Cursor(packed, packs);
        ChunkList.Builder list = ChunkList.newBuilder();
        ByteString.Output hashes = ByteString.newOutput(packed.getHashes().size());
        ByteString known = packed.getChecks();
        ByteString.Output checks = ByteString.newOutput(known.size());
        int named = 0;
        while (chunk.next()) {
            budget.take(ReadBudget.CHUNK);
            list.addLengths(chunk.length);
            if (chunk.stored == 0) {
                hashes.write(new byte[ChunkName.BYTES]);
                if (!known.isEmpty()) {
                    checks.write(new byte[ChunkCheck.BYTES]);
                }
                list.addPack(0).addOffset(0).addStored(0);
                continue;
            }
            require((named + 1) * ChunkName.BYTES <= packed.getHashes().size(), "more chunks than names");
            packed.getHashes().substring(named * ChunkName.BYTES, (named + 1) * ChunkName.BYTES).writeTo(hashes);
            if (!known.isEmpty()) {
                require((named + 1) * ChunkCheck.BYTES <= known.size(), "more chunks than checksums");
                known.substring(named * ChunkCheck.BYTES, (named + 1) * ChunkCheck.BYTES).writeTo(checks);
            }
            named++;
            list.addPack(chunk.pack).addOffset(chunk.offset).addStored(chunk.stored);
        }
        require(named * ChunkName.BYTES == packed.getHashes().size(), "more names than chunks");
        require(known.isEmpty() || named * ChunkCheck.BYTES == known.size(), "more checksums than chunks");
        return list.setHashes(hashes.toByteString()).setChecks(checks.toByteString()).build();
    }

    /**
     * How many chunks a list has; nothing is made of it.
     *
     * @throws IOException when this is no such list
     */
    static long count(ChunkList packed) throws IOException {
        CodedInputStream in = packed.getPlaces().newCodedInput();
        long chunks = 0;
        while (!in.isAtEnd()) {
            int ignored = in.readUInt32();
            if (in.readUInt32() != ZEROS && in.readUInt32() != 0) {
                long unused = in.readUInt64();
            }
            chunks++;
        }
        return chunks;
    }

    /** Where a stored chunk lies. */
    interface Places {
        /**
         * @param pack its index in the manifest
         * @param offset in bytes
         * @param stored its length there, in bytes
         */
        void chunk(int pack, long offset, int stored);
    }

    /**
     * Says where the stored chunks of a list lie, in order; nothing is made of the list.
     *
     * @param packs how many packs the manifest names
     * @throws IOException when this is no such list, or names what can't be
     */
    static void places(ChunkList packed, int packs, Places to) throws IOException {
        Cursor chunk = new Cursor(packed, packs);
        while (chunk.next()) {
            if (chunk.stored > 0) {
                to.chunk(chunk.pack, chunk.offset, chunk.stored);
            }
        }
    }

    /** Reads a packed list chunk by chunk. */
    private static final class Cursor {
        private final CodedInputStream in;
        private final int packs;
        private long expected;
        private int length;
        /** 0: zeros, which have no place. */
        private int stored;
        private int pack;
        private long offset;

        Cursor(ChunkList packed, int packs) {
            in = packed.getPlaces().newCodedInput();
            this.packs = packs;
        }

        /** @return false: there was none left */
        boolean next() throws IOException {
            if (in.isAtEnd()) {
                return false;
            }
            int coded = in.readUInt32();
            int codedStored = in.readUInt32();
            length = (coded & 1) == 1 ? coded >>> 1 : Math.multiplyExact(coded >>> 1, PAGE);
            boolean zeros = codedStored == ZEROS;
            require(length > 0 && length <= (zeros ? MOST_ZEROS : PageCutter.MOST_BYTES), "a chunk of " + length + " bytes");
            stored = zeros ? 0 : codedStored == PLAIN ? length : codedStored - BASE;
            if (!zeros) {
                require(stored > 0 && stored <= length, "a chunk of " + length + " bytes stored as " + stored);
                place();
            }
            return true;
        }

        private void place() throws IOException {
            int jump = in.readUInt32();
            offset = expected;
            if (jump != 0) {
                pack += CodedInputStream.decodeZigZag32(jump - 1);
                offset = in.readUInt64();
            }
            require(pack >= 0 && pack < packs && offset >= 0, "a chunk in pack " + pack + " of " + packs + " at byte " + offset);
            expected = offset + stored;
        }
    }

    private static void require(boolean holds, String otherwise) throws IOException {
        if (!holds) {
            throw new IOException("it has " + otherwise);
        }
    }
}
