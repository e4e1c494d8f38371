package dev.ferry.storage;

import com.google.protobuf.ByteString;
import dev.ferry.proto.v1.ChunkList;
import java.io.IOException;
import java.util.BitSet;

/** Parts of lists of chunks, as {@link ImageReader#open} takes them. */
public final class ChunkLists {
    private static final int NAME_BYTES = 32;
    private static final int CHECK_BYTES = 8;

    private ChunkLists() {}

    /** The name of a chunk; all zero for a run of zeros. */
    public static ByteString name(ChunkList list, int chunk) {
        return list.getHashes().substring(chunk * NAME_BYTES, (chunk + 1) * NAME_BYTES);
    }

    /** Whether a chunk is a run of zeros, which is stored nowhere. */
    public static boolean isZeros(ChunkList list, int chunk) {
        return list.getStored(chunk) == 0;
    }

    /** The chunks that are wanted, in their order. */
    public static ChunkList pick(ChunkList list, BitSet wanted) {
        ChunkList.Builder picked = ChunkList.newBuilder();
        ByteString.Output names = ByteString.newOutput();
        ByteString.Output checks = ByteString.newOutput();
        try {
            for (int chunk = wanted.nextSetBit(0); chunk >= 0; chunk = wanted.nextSetBit(chunk + 1)) {
                name(list, chunk).writeTo(names);
                if (!list.getChecks().isEmpty()) {
                    list.getChecks().substring(chunk * CHECK_BYTES, (chunk + 1) * CHECK_BYTES).writeTo(checks);
                }
                picked.addLengths(list.getLengths(chunk)).addPack(list.getPack(chunk)).addOffset(list.getOffset(chunk)).addStored(list.getStored(chunk));
            }
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        return picked.setHashes(names.toByteString()).setChecks(checks.toByteString()).build();
    }
}
