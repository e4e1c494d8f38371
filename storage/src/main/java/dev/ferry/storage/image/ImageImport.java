package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.storage.ObjectStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Takes an {@link ImageFile} into a store, as a dump does it: hold, packs, manifest. Chunks are stored as they lie in the
 * file; none is looked for among those of other images, so that nobody learns from it what others have.
 */
public final class ImageImport {
    private ImageImport() {}

    /**
     * @param image its new id
     * @param facts what it is here; counts of bytes and chunks that the file knows stay
     * @return the image as recorded in the manifest
     * @throws FerryException IMAGE_FILE_CORRUPT, STORE_*, OBJECT_EXISTS; there is no image then
     */
    public static Image run(ObjectStore store, PackBuffers buffers, ImageFile file, String image, Image facts, JobSpec spec) throws IOException {
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        try (Hold hold = Hold.take(store, StoredImageWriter.Kind.IMAGE, image, Optional.empty())) {
            PackWriter packs = new PackWriter(store, buffers, image, hold.writer(), Optional.empty(), failed -> failure.compareAndSet(null, failed));
            try {
                Map<ChunkName, ChunkPlace> places = new HashMap<>();
                file.eachChunk(
                        chunk -> {
                            check(image, failure.get());
                            places.put(chunk.name(), add(packs, image, chunk));
                        });
                finish(packs, image);
                check(image, failure.get());
                Map<String, Integer> index = new LinkedHashMap<>();
                Manifest.Builder manifest = ManifestLists.map(file.manifest(), list -> ImageFileWriter.moved(list, places, pack -> index.computeIfAbsent(pack, key -> index.size()))).toBuilder();
                manifest.clearPacks()
                        .addAllPacks(index.keySet())
                        .setSpec(spec)
                        .setWriter(hold.writer())
                        .setImage(facts.toBuilder().setId(image).setSentBytes(packs.sentBytes()).setKnownChunks(0));
                hold.commit(ManifestFormat.write(manifest.build()));
                return manifest.getImage();
            } finally {
                packs.close();
            }
        }
    }

    private static ChunkPlace add(PackWriter packs, String image, ImageFile.Chunk chunk) {
        try {
            return packs.add(chunk.name(), ByteBuffer.wrap(chunk.stored()));
        } catch (InterruptedException interrupted) {
            throw cancelled(image, interrupted);
        }
    }

    private static void finish(PackWriter packs, String image) {
        try {
            packs.finish();
        } catch (InterruptedException interrupted) {
            throw cancelled(image, interrupted);
        }
    }

    private static FerryException cancelled(String image, InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        return new FerryException(ErrorCode.CANCELLED, "The import of image " + image + " was interrupted", interrupted);
    }

    private static void check(String image, @Nullable Throwable failed) {
        if (failed instanceof FerryException known) {
            throw known;
        }
        if (failed != null) {
            throw new FerryException(ErrorCode.INTERNAL, "Image " + image + " can't be written: " + failed, failed);
        }
    }
}
