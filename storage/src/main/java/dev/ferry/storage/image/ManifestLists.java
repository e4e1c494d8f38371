package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredVolume;
import java.io.IOException;
import java.util.function.IntFunction;
import java.util.function.ToIntFunction;

/** The lists of chunks in a manifest: packed and taken out of it where they are long, and put back. */
final class ManifestLists {
    /** A packed list of more bytes is a part of its own. */
    private static final int LONG = 16 << 10;

    private ManifestLists() {}

    /**
     * @param keep takes a long list, which is packed, and says the index of its part
     */
    static Manifest takeOut(Manifest manifest, ToIntFunction<ChunkList> keep) {
        return map(
                manifest,
                list -> {
                    ChunkList packed = ChunkListFormat.pack(list);
                    return packed.getSerializedSize() <= LONG ? packed : ChunkList.newBuilder().setPart(keep.applyAsInt(packed)).build();
                });
    }

    /**
     * @param parts long lists by the index of their part
     * @throws FerryException MANIFEST_CORRUPT, OBJECT_TOO_LARGE
     */
    static Manifest putBack(String image, Manifest tree, IntFunction<ChunkList> parts, ReadBudget budget) {
        return map(tree, list -> whole(image, tree, list, parts, budget));
    }

    /** One list as it is handled in memory. */
    static ChunkList whole(String image, Manifest tree, ChunkList list, IntFunction<ChunkList> parts, ReadBudget budget) {
        try {
            return ChunkListFormat.unpack(list.getPart() == 0 ? list : parts.apply(list.getPart()), tree.getPacksCount(), budget);
        } catch (IOException | ArithmeticException | IndexOutOfBoundsException malformed) {
            throw ManifestFormat.corrupt(image, String.valueOf(malformed.getMessage()));
        }
    }

    /** What becomes of each list. */
    interface Change {
        ChunkList of(ChunkList list);
    }

    static Manifest map(Manifest manifest, Change change) {
        Manifest.Builder mapped = manifest.toBuilder();
        mapped.getFilesBuilderList().forEach(file -> file.setChunks(change.of(file.getChunks())));
        for (StoredVolume.Builder volume : mapped.getVolumesBuilderList()) {
            volume.getEntriesBuilderList().stream().filter(entry -> entry.hasChunks()).forEach(entry -> entry.setChunks(change.of(entry.getChunks())));
        }
        return mapped.build();
    }
}
