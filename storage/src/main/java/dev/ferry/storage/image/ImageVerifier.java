package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.Images;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Reads every chunk of an image and says which are not what they should be. */
public final class ImageVerifier {
    private static final int MOST_DAMAGE = 100;

    private ImageVerifier() {}

    /**
     * @throws FerryException STORE_* when the store does not answer, which says nothing of the image
     */
    public static Images.Verification verify(Manifest manifest, ChunkFetcher fetcher) {
        Map<ChunkName, ChunkFetcher.Wanted> wanted = new HashMap<>();
        manifest.getFilesList().forEach(file -> collect(manifest, file.getChunks(), wanted));
        manifest.getVolumesList().forEach(volume -> volume.getEntriesList().forEach(entry -> collect(manifest, entry.getChunks(), wanted)));
        List<String> damage = new ArrayList<>();
        long bytes = 0;
        for (ChunkFetcher.Wanted chunk : wanted.values()) {
            try {
                bytes += fetcher.fetchNow(manifest.getImage().getId(), List.of(chunk)).getFirst().length;
            } catch (FerryException broken) {
                if (broken.code() != ErrorCode.CHUNK_CORRUPT && broken.code() != ErrorCode.CHUNK_MISSING) {
                    throw broken;
                }
                if (damage.size() < MOST_DAMAGE) {
                    damage.add(broken.getMessage());
                }
            }
        }
        return new Images.Verification(manifest.getImage(), wanted.size(), bytes, damage);
    }

    private static void collect(Manifest manifest, ChunkList list, Map<ChunkName, ChunkFetcher.Wanted> wanted) {
        for (int i = 0; i < list.getLengthsCount(); i++) {
            if (list.getStored(i) > 0) {
                ChunkName name = ChunkName.of(list.getHashes(), i);
                ChunkPlace place = new ChunkPlace(manifest.getPacks(list.getPack(i)), list.getOffset(i), list.getStored(i));
                wanted.put(name, new ChunkFetcher.Wanted(name, list.getLengths(i), place));
            }
        }
    }
}
