package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * One image on its way: windows go to worker threads that name and compress them, chunks into packs,
 * packs to the store; the manifest comes last. The first failure ends all: from then on windows are
 * only given back, so that whoever fills them never waits for a dead image.
 */
public final class StoredImageWriter implements ImageWriter {
    private final ObjectStore store;
    private final String image;
    private final Optional<Manifest> before;
    private final BufferPool buffers;
    private final Executor workers;
    private final PackWriter packs;
    private final Map<String, ChunkRun> files = new LinkedHashMap<>();
    private final Map<String, List<Entry>> volumes = new LinkedHashMap<>();
    private final PendingWork pending = new PendingWork();
    private final AtomicInteger openRuns = new AtomicInteger();
    private final AtomicReference<@Nullable FerryException> failure = new AtomicReference<>();
    private final AtomicLong bytesIn = new AtomicLong();
    private final AtomicLong chunks = new AtomicLong();
    private final AtomicLong knownChunks = new AtomicLong();
    private final AtomicLong zeroBytes = new AtomicLong();
    private volatile JobSpec spec = JobSpec.getDefaultInstance();
    private boolean closed;

    /**
     * @param run null for what has no content, or whose chunks are known
     */
    private record Entry(VolumeEntry entry, @Nullable ChunkRun run) {}

    public StoredImageWriter(
            ObjectStore store, String image, Optional<Manifest> before, BufferPool buffers, PackBuffers packBuffers, Executor workers) {
        if (buffers.bufferBytes() != Images.WINDOW_BYTES) {
            throw new IllegalArgumentException("buffers must have " + Images.WINDOW_BYTES + " bytes, the length of a window");
        }
        this.store = store;
        this.image = image;
        this.before = before;
        this.buffers = buffers;
        this.workers = workers;
        packs = new PackWriter(store, packBuffers, image, Ids.random(8), failed -> fail(translate(failed)));
        before.ifPresent(this::learn);
    }

    private void learn(Manifest manifest) {
        manifest.getFilesList().forEach(file -> learn(manifest, file.getChunks()));
        manifest.getVolumesList().forEach(volume -> volume.getEntriesList().forEach(entry -> learn(manifest, entry.getChunks())));
    }

    private void learn(Manifest manifest, ChunkList list) {
        for (int i = 0; i < list.getLengthsCount(); i++) {
            if (list.getStored(i) > 0) {
                packs.learn(ChunkName.of(list.getHashes(), i), place(manifest, list, i));
            }
        }
    }

    private static ChunkPlace place(Manifest manifest, ChunkList list, int index) {
        return new ChunkPlace(manifest.getPacks(list.getPack(index)), list.getOffset(index), list.getStored(index));
    }

    @Override
    public BufferPool buffers() {
        return buffers;
    }

    @Override
    public ByteSink file(String name) {
        ChunkRun run = new ChunkRun();
        synchronized (files) {
            if (files.put(name, run) != null) {
                fail(new FerryException(ErrorCode.INTERNAL, "file " + name + " came twice for image " + image));
            }
        }
        return sink(run);
    }

    @Override
    public void entry(String volume, VolumeEntry entry) {
        add(volume, new Entry(entry, null));
    }

    @Override
    public ByteSink regular(String volume, VolumeEntry entry) {
        ChunkRun run = new ChunkRun();
        add(volume, new Entry(entry, run));
        return sink(run);
    }

    @Override
    public void unchanged(String volume, VolumeEntry unchanged) {
        Manifest manifest = before.orElseThrow(() -> new IllegalStateException("no previous image"));
        ChunkList list = unchanged.getChunks();
        ChunkRun run = new ChunkRun();
        for (int i = 0; i < list.getLengthsCount(); i++) {
            int length = list.getLengths(i);
            boolean zero = list.getStored(i) == 0;
            run.set(run.next(length), ChunkName.of(list.getHashes(), i), length, zero ? null : place(manifest, list, i));
            count(length, zero, true);
        }
        add(volume, new Entry(unchanged, run));
    }

    private void add(String volume, Entry entry) {
        synchronized (volumes) {
            volumes.computeIfAbsent(volume, name -> new ArrayList<>()).add(entry);
        }
    }

    private ByteSink sink(ChunkRun run) {
        openRuns.incrementAndGet();
        return new WindowSink(this, run);
    }

    void runClosed() {
        openRuns.decrementAndGet();
    }

    /** Takes over a window; it is given back when it was stored, also after a failure. */
    void submit(ChunkRun run, ByteBuffer window, boolean pooled) {
        int index = run.next(window.remaining());
        int onHeap = pooled ? 0 : window.remaining();
        try {
            pending.begin(onHeap);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            if (pooled) {
                buffers.give(window);
            }
            fail(cancelled(interrupted));
            return;
        }
        workers.execute(
                () -> {
                    try {
                        if (failure.get() == null) {
                            store(run, index, window);
                        }
                    } catch (FerryException known) {
                        fail(known);
                    } catch (Exception | LinkageError | OutOfMemoryError unexpected) {
                        fail(translate(unexpected));
                    } finally {
                        if (pooled) {
                            buffers.give(window);
                        }
                        pending.end(onHeap);
                    }
                });
    }

    private void store(ChunkRun run, int index, ByteBuffer window) throws InterruptedException {
        int length = window.remaining();
        if (ChunkWorker.isZero(window)) {
            run.set(index, ChunkName.ZERO, length, null);
            count(length, true, false);
            return;
        }
        ChunkWorker worker = ChunkWorker.ofThread();
        ChunkName name = worker.name(window);
        ChunkPlace place = packs.find(name);
        count(length, false, place != null);
        if (place == null) {
            place = packs.add(name, worker.stored(window));
        }
        run.set(index, name, length, place);
    }

    private void count(int length, boolean zero, boolean known) {
        bytesIn.addAndGet(length);
        if (zero) {
            zeroBytes.addAndGet(length);
        } else {
            chunks.incrementAndGet();
            if (known) {
                knownChunks.incrementAndGet();
            }
        }
    }

    void fail(FerryException cause) {
        failure.compareAndSet(null, cause);
    }

    private FerryException translate(Throwable unexpected) {
        return unexpected instanceof FerryException known
                ? known
                : new FerryException(ErrorCode.INTERNAL, "Image " + image + " can't be written: " + unexpected, unexpected);
    }

    private FerryException cancelled(InterruptedException interrupted) {
        return new FerryException(ErrorCode.CANCELLED, "The write of image " + image + " was interrupted", interrupted);
    }

    void check() {
        FerryException cause = failure.get();
        if (cause != null) {
            throw cause;
        }
    }

    @Override
    public void spec(JobSpec submitted) {
        spec = submitted;
    }

    @Override
    public long bytesIn() {
        return bytesIn.get();
    }

    @Override
    public long bytesSent() {
        return packs.sentBytes();
    }

    @Override
    public Image commit(Image facts) {
        if (openRuns.get() != 0) {
            check();
            throw new FerryException(ErrorCode.INTERNAL, "Image " + image + " can't be committed: " + openRuns.get() + " runs of bytes are not at their end");
        }
        try {
            pending.awaitNone();
            check();
            packs.finish();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            fail(cancelled(interrupted));
        }
        check();
        Manifest manifest = manifest(facts);
        store.create(Keys.manifest(image), ManifestFormat.write(manifest));
        return manifest.getImage();
    }

    private Manifest manifest(Image facts) {
        Map<String, Integer> index = new LinkedHashMap<>();
        Manifest.Builder manifest = Manifest.newBuilder().setFormatVersion(ManifestFormat.VERSION);
        long memory = 0;
        for (Map.Entry<String, ChunkRun> file : files.entrySet()) {
            manifest.addFiles(StoredFile.newBuilder().setName(file.getKey()).setSize(file.getValue().bytes()).setChunks(list(file.getValue(), index)));
            if (file.getKey().startsWith("pages-")) {
                memory += file.getValue().bytes();
            }
        }
        for (Map.Entry<String, List<Entry>> volume : volumes.entrySet()) {
            StoredVolume.Builder stored = StoredVolume.newBuilder().setName(volume.getKey());
            for (Entry entry : volume.getValue()) {
                ChunkRun run = entry.run();
                stored.addEntries(run == null ? entry.entry() : entry.entry().toBuilder().setSize(run.bytes()).setChunks(list(run, index)).build());
            }
            manifest.addVolumes(stored);
        }
        return manifest.setSpec(spec)
                .addAllPacks(index.keySet())
                .setImage(
                        facts.toBuilder()
                                .setId(image)
                                .setBytes(bytesIn.get())
                                .setMemoryBytes(memory)
                                .setSentBytes(packs.sentBytes())
                                .setChunks(chunks.get())
                                .setKnownChunks(knownChunks.get())
                                .setZeroBytes(zeroBytes.get()))
                .build();
    }

    private static ChunkList list(ChunkRun run, Map<String, Integer> index) {
        return run.toList(pack -> index.computeIfAbsent(pack, key -> index.size()));
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        fail(new FerryException(ErrorCode.CANCELLED, "The write of image " + image + " was given up"));
        // Windows that are still queued are only given back from here on, which does not take long.
        try {
            pending.awaitNone();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        packs.close();
    }
}
