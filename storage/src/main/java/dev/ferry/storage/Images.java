package dev.ferry.storage;

import dev.ferry.common.Clock;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Collection;
import dev.ferry.proto.v1.EntryKind;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoreCheck;
import dev.ferry.proto.v1.StoreStats;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.image.ChunkCache;
import dev.ferry.storage.image.ChunkFetcher;
import dev.ferry.storage.image.ImageFile;
import dev.ferry.storage.image.ImageFileWriter;
import dev.ferry.storage.image.ImageImport;
import dev.ferry.storage.image.ImageVerifier;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.image.ManifestFormat;
import dev.ferry.storage.image.PackBuffers;
import dev.ferry.storage.image.StoredImageReader;
import dev.ferry.storage.image.StoredImageWriter;
import dev.ferry.storage.image.StoredManifest;
import dev.ferry.storage.image.WindowMemory;
import dev.ferry.storage.image.Workers;
import dev.ferry.storage.seal.KeyRing;
import dev.ferry.storage.upkeep.Checker;
import dev.ferry.storage.upkeep.Collector;
import dev.ferry.storage.upkeep.Statistics;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.stream.Collectors;

/** All images of a store. Safe for threads; one instance for each process. */
public final class Images {
    /** Length of the windows that runs of bytes are cut into, and of the buffers that carry them. */
    public static final int WINDOW_BYTES = 256 << 10;

    /** Of a chunk's name, check and places in lists and maps, as much as each takes: by arithmetic, rounded up. */
    private static final long TO_LOOK = 200;
    private static final long TO_VERIFY = 160;

    private final ObjectStore store;
    private final PackBuffers packBuffers;
    private final Workers workers;
    private final Optional<ChunkCache> cache;
    private final ChunkFetcher fetcher;
    private final Collector collector;
    private final ManifestMemory memory;
    private final WindowMemory windows;
    /** Of looks at all of the store one goes on at a time: each has memory of its own. */
    private final ReentrantLock wholeStore;

    public Images(ObjectStore store) {
        this(store, () -> {});
    }

    /**
     * @param inWorker done first by each thread that works behind a dump: a daemon lowers its priority, so that whoever
     *     empties CRIU's pipes goes first
     */
    public Images(ObjectStore store, Runnable inWorker) {
        this(store, inWorker, Optional.empty());
    }

    /**
     * @param cache chunks that this node has had before: keeps what is fetched and what is stored
     */
    public Images(ObjectStore store, Runnable inWorker, Optional<ChunkCache> cache) {
        this(store, inWorker, cache, Runtime.getRuntime().maxMemory());
    }

    /**
     * @param heap how large it may become, in bytes
     */
    Images(ObjectStore store, Runnable inWorker, Optional<ChunkCache> cache, long heap) {
        this.store = store;
        memory = new ManifestMemory(heap);
        windows = new WindowMemory(heap);
        wholeStore = new ReentrantLock();
        packBuffers = new PackBuffers();
        workers = new Workers(inWorker);
        this.cache = cache;
        fetcher = new ChunkFetcher(store, cache);
        collector = new Collector(store, Clock.SYSTEM, Executors.newFixedThreadPool(Collector.READERS, work -> Thread.ofVirtual().name("manifests").unstarted(work)));
    }

    /** A second sight of the same images. */
    private Images(Images same, ObjectStore store) {
        this.store = store;
        packBuffers = same.packBuffers;
        workers = same.workers;
        cache = same.cache;
        fetcher = same.fetcher;
        collector = same.collector;
        memory = same.memory;
        windows = same.windows;
        wholeStore = same.wholeStore;
    }

    /**
     * Begins an image.
     *
     * @param previous an image of the same tenant whose chunks need not be sent again; one that can't be
     *     read is not used
     * @param buffers of {@link #WINDOW_BYTES} each
     */
    public ImageWriter write(String image, Optional<String> previous, BufferPool buffers) {
        return write(StoredImageWriter.Kind.IMAGE, image, previous, Optional.empty(), buffers);
    }

    /** Begins an image whose job was copied ahead: what those rounds sent is not sent again. */
    public ImageWriter writePreCopied(String image, Optional<String> previous, BufferPool buffers) {
        return write(StoredImageWriter.Kind.IMAGE, image, previous, preCopy(image), buffers);
    }

    /**
     * Begins one round of copying a job ahead, while it runs. Its commit replaces what the round before committed; there
     * is no image after it, only chunks that {@link #writePreCopied} and later rounds know.
     */
    public ImageWriter preCopy(String image, Optional<String> previous, BufferPool buffers) {
        return write(StoredImageWriter.Kind.PRE_COPY, image, previous, preCopy(image), buffers);
    }

    private ImageWriter write(StoredImageWriter.Kind kind, String image, Optional<String> previous, Optional<Manifest> known, BufferPool buffers) {
        return new StoredImageWriter(store, kind, image, previous.flatMap(this::readable), known, buffers, packBuffers, windows, workers, cache);
    }

    /** What was copied ahead for an image; empty: nothing. */
    private Optional<Manifest> preCopy(String image) {
        try {
            return store.get(Keys.preCopy(image)).map(object -> ManifestFormat.readOf(image, object));
        } catch (FerryException unreadable) {
            // It only saves work.
            return Optional.empty();
        }
    }

    /**
     * Fetches what was copied ahead for an image into this node's cache, as much of it as stays there; nothing if it has none.
     *
     * @param peer is asked before the store, and closed with this
     */
    public Prefetched prefetch(String image, Optional<ChunkPeer> peer) {
        Optional<Manifest> there;
        try {
            there = fetcher.isKept() ? preCopy(image) : Optional.empty();
        } catch (RuntimeException | Error none) {
            peer.ifPresent(ChunkPeer::close);
            throw none;
        }
        // One that there is nothing to read for is closed all the same.
        try (StoredImageReader reader = new StoredImageReader(there.orElse(Manifest.getDefaultInstance()), fetcher, peer)) {
            return new Prefetched(reader.fill(), reader.origins());
        }
    }

    /**
     * Opens what was copied ahead for an image.
     *
     * @param peer is asked for chunks before the store; closed with the reader, and also when there is none
     * @return empty: nothing was
     */
    public Optional<ImageReader> readPreCopied(String image, Optional<ChunkPeer> peer) {
        try {
            Optional<Manifest> there = preCopy(image);
            if (there.isEmpty()) {
                peer.ifPresent(ChunkPeer::close);
            }
            return there.map(manifest -> new StoredImageReader(manifest, fetcher, peer));
        } catch (RuntimeException | Error none) {
            peer.ifPresent(ChunkPeer::close);
            throw none;
        }
    }

    /**
     * What was fetched ahead.
     *
     * @param bytes as they are when they are not compressed
     */
    public record Prefetched(long bytes, ImageReader.Origins origins) {}

    /** An image that was copied ahead is whole: what it does not use of that may be collected. No writer of it may be open. */
    public void releasePreCopy(String image) {
        StoredImageWriter.releaseRounds(store, image);
    }

    /** Forgets what was copied ahead for images of a job that were never made; collectors remove the packs. */
    public void forgetPreCopies(String job) {
        store.list(Keys.preCopies(job)).forEach(store::delete);
    }

    /** The same images, of which those that are written belong to a tenant: see {@link Tenants}. */
    public Images forTenant(String tenant) {
        return new Images(this, store.forTenant(tenant));
    }

    /** The tenants' keys; empty: objects are not sealed. */
    public Optional<KeyRing> keys() {
        return store.keys();
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
        return read(image, Optional.empty());
    }

    /** As the other, and nothing comes from this node's cache or another's: for whoever wants to know what the store holds. */
    public ImageReader readFromStore(String image) {
        return StoredImageReader.ofStoreAlone(manifest(image), fetcher);
    }

    /**
     * As the other.
     *
     * @param peer is asked for chunks before the store; closed with the reader, and also when there is none
     */
    public ImageReader read(String image, Optional<ChunkPeer> peer) {
        try {
            return new StoredImageReader(manifest(image), fetcher, peer);
        } catch (RuntimeException | Error none) {
            peer.ifPresent(ChunkPeer::close);
            throw none;
        }
    }

    /**
     * @throws FerryException IMAGE_NOT_FOUND, MANIFEST_CORRUPT, FORMAT_UNKNOWN, STORE_*
     */
    public Manifest manifest(String image) {
        byte[] object =
                store.get(Keys.manifest(image))
                        .orElseThrow(() -> new FerryException(ErrorCode.IMAGE_NOT_FOUND, "Image " + image + " is not in " + store.describe()));
        return ManifestFormat.readOf(image, object);
    }

    /** What whole manifests may take here. */
    public ManifestMemory memory() {
        return memory;
    }

    /** As {@link ManifestMemory#with}, of images of this store. */
    public <T, E extends Exception> T within(List<String> images, long bytesOfPiece, ManifestMemory.Work<T, E> work) throws E {
        return memory.with(store, images, bytesOfPiece, work);
    }

    /**
     * Looks at whole images, as soon as there is memory for what lists their chunks.
     *
     * @throws FerryException IMAGE_NOT_FOUND, MANIFEST_CORRUPT, FORMAT_UNKNOWN, OBJECT_TOO_LARGE, DEADLINE_EXCEEDED, STORE_*
     */
    public <T> T look(List<String> images, Function<List<ImageReader>, T> look) {
        return within(
                images,
                TO_LOOK,
                () -> {
                    List<ImageReader> readers = new ArrayList<>();
                    try {
                        images.forEach(image -> readers.add(read(image)));
                        return look.apply(readers);
                    } finally {
                        readers.forEach(ImageReader::close);
                    }
                });
    }

    /**
     * A manifest to be read by parts: for whoever does not want all of a large one.
     *
     * @throws FerryException IMAGE_NOT_FOUND, MANIFEST_CORRUPT, FORMAT_UNKNOWN, STORE_*
     */
    public StoredManifest open(String image) {
        return StoredManifest.open(store, image);
    }

    /**
     * Whole images, in the order of their ids.
     *
     * @param job only its images; empty: of all jobs
     */
    public List<Image> list(Optional<String> job) {
        List<Image> images = new ArrayList<>();
        for (String key : store.list(Keys.manifests(job))) {
            try {
                images.add(open(Keys.image(key)).image());
            } catch (FerryException failed) {
                // One that was deleted meanwhile is not one of the images.
                if (failed.code() != ErrorCode.IMAGE_NOT_FOUND) {
                    throw failed;
                }
            }
        }
        return images;
    }

    /** Ids of all manifests, in order; none is read, so that damaged ones are among them, and dumps that were given up. */
    public Set<String> ids() {
        return store.list(Keys.manifests(Optional.empty())).stream().map(Keys::image).collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /**
     * Writes an image as one file that holds all of it; see {@link ImageFile}.
     *
     * @return bytes that were written
     * @throws FerryException IMAGE_NOT_FOUND, MANIFEST_CORRUPT, CHUNK_CORRUPT, CHUNK_MISSING, STORE_*; the file has no end then
     */
    public long exportFile(String image, OutputStream to) throws IOException {
        return ImageFileWriter.write(manifest(image), fetcher, to);
    }

    /**
     * Takes an image from such a file.
     *
     * @param image its id here
     * @param facts what it is here (job, incarnation, sequence ...)
     * @param spec of the job that it is of here
     * @return the image as recorded in its manifest
     * @throws FerryException IMAGE_FILE_CORRUPT, INVALID_ARGUMENT, STORE_*, OBJECT_EXISTS; there is no image then
     */
    public Image importFile(ImageFile file, String image, Image facts, JobSpec spec) throws IOException {
        return ImageImport.run(store, packBuffers, file, image, facts, spec);
    }

    /** What a check of every chunk found. */
    public record Verification(Image image, long chunks, long bytes, List<String> damage) {}

    /** Reads every chunk and compares it with its name. */
    public Verification verify(String image) {
        ObjectStore fresh = store.fresh();
        try (ChunkFetcher fetching = new ChunkFetcher(fresh, Optional.empty())) {
            return memory.with(fresh, List.of(image), TO_VERIFY, () -> ImageVerifier.verify(StoredManifest.open(fresh, image).whole(), fetching));
        }
    }

    /**
     * Deletes an image, also one whose manifest is damaged, and collects the packs that only it named. Dumps and
     * restores of other images may go on meanwhile, and also a dump that has this one as its previous. In a store that is
     * full the manifest goes first too, whose room is enough for the mark of a pack.
     *
     * @return what that freed
     * @throws FerryException IMAGE_NOT_FOUND; when packs can't be collected now, as {@link Collector#collect(Set,
     *     Collector.Terms)} says, the image is deleted nevertheless
     */
    public Collection delete(String image, Collector.Terms terms) {
        Set<String> packs = new HashSet<>();
        try {
            packs.addAll(open(image).tree().getPacksList());
        } catch (FerryException unreadable) {
            boolean damaged = unreadable.code() == ErrorCode.MANIFEST_CORRUPT || unreadable.code() == ErrorCode.FORMAT_UNKNOWN || unreadable.code() == ErrorCode.CHUNK_CORRUPT || unreadable.code() == ErrorCode.OBJECT_TOO_LARGE;
            if (!damaged) {
                throw unreadable;
            }
            packs.addAll(store.list(Keys.packs(Keys.job(image))));
        }
        // The manifest first: from here on the image does not exist, whatever becomes of its packs.
        long manifest = store.delete(Keys.manifest(image));
        Collection collected = collector.collect(packs, terms);
        return collected.toBuilder().setFreedBytes(collected.getFreedBytes() + manifest).build();
    }

    /**
     * Lets an image cease to exist; its packs are left to the next collection. One that is not there is no error.
     *
     * @return bytes that were freed
     */
    public long forget(String image) {
        return store.delete(Keys.manifest(image));
    }

    /**
     * Whether the store shows now which one it is. A folder whose file system is not mounted does not: that an image is not
     * there says nothing then.
     */
    public boolean showsWhich() {
        try {
            return StoreId.read(store).isPresent();
        } catch (FerryException unreadable) {
            return false;
        }
    }

    /** Removes what no image and no dump under way needs: see {@link Collector}. */
    public Collection collect(Collector.Terms terms, boolean dryRun) {
        return collector.collect(terms, dryRun);
    }

    /** As the other, by whoever knows whether there must be images. */
    public Collection collect(Collector.Terms terms, boolean dryRun, boolean hasImages) {
        return collector.collect(terms, dryRun, hasImages);
    }

    /** What the store holds, and for which job. */
    public StoreStats stats() {
        wholeStore.lock();
        try {
            return Statistics.of(store, memory);
        } finally {
            wholeStore.unlock();
        }
    }

    /**
     * Checks every object of the store, beside dumps and collections.
     *
     * @param quick not the chunks in packs
     */
    public StoreCheck check(boolean quick) {
        ObjectStore fresh = store.fresh();
        wholeStore.lock();
        try (ChunkFetcher fetching = new ChunkFetcher(fresh, Optional.empty())) {
            return Checker.check(fresh, fetching, memory, quick);
        } finally {
            wholeStore.unlock();
        }
    }

    /**
     * Opens one regular file of a volume.
     *
     * @param path relative to the volume
     * @param offset of the first byte that is wanted
     * @return empty when the image has no such file
     */
    public Optional<ByteSource> openVolumeFile(String image, String volume, String path, long offset) {
        StoredManifest manifest = open(image);
        return manifest.tree().getVolumesList().stream()
                .filter(stored -> stored.getName().equals(volume))
                .flatMap(stored -> stored.getEntriesList().stream())
                .filter(entry -> entry.getKind() == EntryKind.REGULAR && entry.getPath().toStringUtf8().equals(path))
                .findFirst()
                .map(entry -> from(manifest, entry, offset));
    }

    private ByteSource from(StoredManifest manifest, VolumeEntry entry, long offset) {
        return new StoredImageReader(manifest.tree(), fetcher).open(manifest.list(entry.getChunks()), offset);
    }
}
