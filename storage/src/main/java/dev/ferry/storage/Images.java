package dev.ferry.storage;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.image.ChunkFetcher;
import dev.ferry.storage.image.ImageVerifier;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.image.ManifestFormat;
import dev.ferry.storage.image.PackBuffers;
import dev.ferry.storage.image.StoredImageReader;
import dev.ferry.storage.image.StoredImageWriter;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** All images of a store. Safe for threads; one instance for each process. */
public final class Images {
    /** Length of the windows that runs of bytes are cut into, and of the buffers that carry them. */
    public static final int WINDOW_BYTES = 256 << 10;

    private final ObjectStore store;
    private final PackBuffers packBuffers = new PackBuffers();
    private final ExecutorService workers;
    private final ChunkFetcher fetcher;

    public Images(ObjectStore store) {
        this.store = store;
        int processors = Math.max(2, Runtime.getRuntime().availableProcessors());
        workers = Executors.newFixedThreadPool(processors, work -> Thread.ofPlatform().daemon().name("chunks").unstarted(work));
        fetcher = new ChunkFetcher(store);
    }

    /**
     * Begins an image.
     *
     * @param previous an image of the same job whose chunks need not be sent again; one that can't be
     *     read is not used. It must not be deleted meanwhile.
     * @param buffers of {@link #WINDOW_BYTES} each
     */
    public ImageWriter write(String image, Optional<String> previous, BufferPool buffers) {
        Optional<Manifest> before = previous.flatMap(this::readable);
        return new StoredImageWriter(store, image, before, buffers, packBuffers, workers);
    }

    private Optional<Manifest> readable(String image) {
        try {
            return Optional.of(manifest(image));
        } catch (FerryException unreadable) {
            return Optional.empty();
        }
    }

    /**
     * Opens an image for reading.
     *
     * @throws FerryException IMAGE_NOT_FOUND, MANIFEST_CORRUPT, FORMAT_UNKNOWN, STORE_*
     */
    public ImageReader read(String image) {
        return new StoredImageReader(manifest(image), fetcher);
    }

    /**
     * @throws FerryException IMAGE_NOT_FOUND, MANIFEST_CORRUPT, FORMAT_UNKNOWN, STORE_*
     */
    public Manifest manifest(String image) {
        byte[] object =
                store.get(Keys.manifest(image))
                        .orElseThrow(() -> new FerryException(ErrorCode.IMAGE_NOT_FOUND, "Image " + image + " is not in " + store.describe()));
        return ManifestFormat.read(image, object);
    }

    /**
     * Whole images, in the order of their ids.
     *
     * @param job only its images; empty: of all jobs
     */
    public List<Image> list(Optional<String> job) {
        List<Image> images = new ArrayList<>();
        for (String key : store.list(Keys.manifests(job))) {
            Optional<byte[]> object = store.get(key);
            if (object.isPresent()) {
                images.add(ManifestFormat.read(Keys.image(key), object.get()).getImage());
            }
        }
        return images;
    }

    /** What a check of every chunk found. */
    public record Verification(Image image, long chunks, long bytes, List<String> damage) {}

    /** Reads every chunk and compares it with its name. */
    public Verification verify(String image) {
        return ImageVerifier.verify(manifest(image), fetcher);
    }

    /**
     * Deletes an image and the packs that no other image of its job uses. No image of the job may be
     * written meanwhile with this one as its previous.
     *
     * @return bytes that were freed
     */
    public long delete(String image) {
        Manifest manifest = manifest(image);
        // The manifest first: from here on the image does not exist, whatever becomes of its packs.
        long freed = store.delete(Keys.manifest(image));
        Set<String> used = new HashSet<>();
        for (String key : store.list(Keys.manifests(Optional.of(Keys.job(image))))) {
            store.get(key).ifPresent(other -> used.addAll(ManifestFormat.read(Keys.image(key), other).getPacksList()));
        }
        for (String pack : manifest.getPacksList()) {
            if (!used.contains(pack)) {
                freed += store.delete(pack);
            }
        }
        return freed;
    }

    /**
     * Opens one regular file of a volume.
     *
     * @param path relative to the volume
     * @param offset of the first byte that is wanted
     * @return empty when the image has no such file
     */
    public Optional<ByteSource> openVolumeFile(String image, String volume, String path, long offset) {
        Manifest manifest = manifest(image);
        return manifest.getVolumesList().stream()
                .filter(stored -> stored.getName().equals(volume))
                .flatMap(stored -> stored.getEntriesList().stream())
                .filter(entry -> entry.getKind() == EntryKind.REGULAR && entry.getPath().toStringUtf8().equals(path))
                .findFirst()
                .map(entry -> from(manifest, entry, offset));
    }

    private ByteSource from(Manifest manifest, VolumeEntry entry, long offset) {
        return new StoredImageReader(manifest, fetcher).open(entry.getChunks(), offset);
    }
}
