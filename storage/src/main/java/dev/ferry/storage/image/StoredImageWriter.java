package dev.ferry.storage.image;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.VolumeEntry;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.ObjectStore;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One image on its way: windows go to worker threads that name and compress them, chunks into packs,
 * packs to the store; the manifest comes last. The first failure ends all: from then on windows are
 * only given back, so that whoever fills them never waits for a dead image.
 */
public final class StoredImageWriter implements ImageWriter {
    private static final Logger LOG = LoggerFactory.getLogger(StoredImageWriter.class);
    /** How long whoever gives an image up waits for the threads behind it. */
    private static final Duration CLOSING = Duration.ofSeconds(10);

    /** How the manifest is put: once and for all for an image, again and again for a pre-copy. */
    public enum Kind {
        IMAGE,
        PRE_COPY
    }

    private final Kind kind;
    private final String image;
    private final Optional<Manifest> before;
    private final BufferPool buffers;
    private final Workers workers;
    private final Hold hold;
    private final PackWriter packs;
    private final WindowMemory.Use windows;
    private final ManifestDraft draft = new ManifestDraft();
    private final ImageCounts counts = new ImageCounts();
    private final PendingWork pending = new PendingWork();
    private final Set<RunSink> openRuns = ConcurrentHashMap.newKeySet();
    private final AtomicReference<@Nullable FerryException> failure = new AtomicReference<>();
    private final AtomicBoolean holdsBack = new AtomicBoolean();
    private volatile List<String> restoreOrder = List.of();
    private volatile Room room = chunks -> {};
    private volatile JobSpec spec = JobSpec.getDefaultInstance();
    private boolean closed;

    /** An image for which nothing was copied ahead, by a process that remembers nothing. */
    public StoredImageWriter(ObjectStore store, String image, Optional<Manifest> before, BufferPool buffers, PackBuffers packBuffers, Workers workers) {
        this(store, Kind.IMAGE, image, before, Optional.empty(), buffers, packBuffers, new WindowMemory(0), workers, Optional.empty());
    }

    /**
     * @param before the job's previous image, for what is unchanged
     * @param known what else lies in the store and holds chunks of the job
     * @param cache keeps what is sent, for a job that comes back and for other nodes
     */
    public StoredImageWriter(
            ObjectStore store,
            Kind kind,
            String image,
            Optional<Manifest> before,
            Optional<Manifest> known,
            BufferPool buffers,
            PackBuffers packBuffers,
            WindowMemory memory,
            Workers workers,
            Optional<ChunkCache> cache) {
        this.kind = kind;
        this.image = image;
        this.before = before;
        this.buffers = buffers;
        this.workers = workers;
        hold = Hold.take(store, kind, image, before);
        PackWriter begun = null;
        try {
            begun = new PackWriter(store, packBuffers, image, hold.writer(), cache, failed -> fail(translate(failed)));
            packs = begun;
            before.ifPresent(this::learn);
            known.ifPresent(this::learn);
            windows = memory.begin(Keys.job(image));
            if (kind == Kind.PRE_COPY) {
                windows.remember();
            }
        } catch (RuntimeException | Error failed) {
            // There is no writer that anybody could close.
            if (begun != null) {
                begun.close();
            }
            hold.close();
            throw failed;
        }
    }

    private void learn(Manifest manifest) {
        manifest.getFilesList().forEach(file -> learn(manifest, file.getChunks()));
        manifest.getVolumesList().forEach(volume -> volume.getEntriesList().forEach(entry -> learn(manifest, entry.getChunks())));
    }

    private void learn(Manifest manifest, ChunkList list) {
        for (int i = 0; i < list.getLengthsCount(); i++) {
            if (list.getStored(i) > 0 && mayUse(manifest.getPacks(list.getPack(i)))) {
                packs.learn(ChunkName.of(list.getHashes(), i), ChunkPlace.of(manifest, list, i));
            }
        }
    }

    /** Packs of rounds of this very image are held by their own holds until it is whole. */
    private boolean mayUse(String pack) {
        return hold.mayUse(pack) || pack.startsWith(Keys.packsOf(image));
    }

    /** See {@link Hold#releaseRounds}. */
    public static void releaseRounds(ObjectStore store, String image) {
        Hold.releaseRounds(store, image);
    }

    @Override
    public BufferPool buffers() {
        return buffers;
    }

    @Override
    public Optional<Manifest> previous() {
        return before;
    }

    @Override
    public ByteBuffer take() throws InterruptedException {
        ByteBuffer free = buffers.take(0, TimeUnit.NANOSECONDS);
        if (free != null) {
            return free;
        }
        workers.standstill().makeRoom();
        long start = System.nanoTime();
        try {
            return buffers.take();
        } finally {
            counts.waited(System.nanoTime() - start);
        }
    }

    @Override
    public Spooled spooled() {
        return counts.spooled();
    }

    ImageCounts counts() {
        return counts;
    }

    @Override
    public void room(Room asked) {
        room = asked;
    }

    private void takeRoom(int chunks) {
        try {
            room.take(chunks);
        } catch (FerryException none) {
            fail(none);
        }
    }

    @Override
    public ByteSink file(String name) {
        ChunkRun run = new ChunkRun();
        if (!draft.addFile(name, run)) {
            fail(new FerryException(ErrorCode.INTERNAL, "file " + name + " came twice for image " + image));
        }
        return sink(run, ManifestDraft.isMemory(name));
    }

    @Override
    public void entry(String volume, VolumeEntry entry) {
        takeRoom(1);
        check();
        draft.addEntry(volume, entry);
    }

    @Override
    public ByteSink regular(String volume, VolumeEntry entry) {
        takeRoom(1);
        ChunkRun run = new ChunkRun();
        draft.addRegular(volume, entry, run);
        return sink(run, false);
    }

    @Override
    public boolean unchanged(String volume, VolumeEntry unchanged) {
        check();
        Manifest manifest = before.orElse(Manifest.getDefaultInstance());
        ChunkList list = unchanged.getChunks();
        for (int i = 0; i < list.getLengthsCount(); i++) {
            if (list.getStored(i) > 0 && (list.getPack(i) >= manifest.getPacksCount() || !hold.mayUse(manifest.getPacks(list.getPack(i))))) {
                return false;
            }
        }
        takeRoom(1 + list.getLengthsCount());
        check();
        ChunkRun run = new ChunkRun();
        for (int i = 0; i < list.getLengthsCount(); i++) {
            int length = list.getLengths(i);
            boolean zero = list.getStored(i) == 0;
            run.set(run.next(length), ChunkName.of(list.getHashes(), i), ChunkCheck.of(list.getChecks(), i), length, zero ? null : ChunkPlace.of(manifest, list, i));
            if (zero) {
                counts.zeros(length);
                counts.passesOver(length);
            } else {
                counts.chunk(true);
                counts.takesIn(length);
            }
        }
        draft.addRegular(volume, unchanged, run);
        return true;
    }

    private ByteSink sink(ChunkRun run, boolean memory) {
        RunWindows windows = new RunWindows(run);
        RunSink sink = new RunSink(this, memory ? new PageCutter(windows) : new FixedCutter(windows));
        openRuns.add(sink);
        return sink;
    }

    void closed(RunSink sink) {
        openRuns.remove(sink);
    }

    /** Counts a piece that the image takes over; waits while too much lies on the heap. */
    void begin(int onHeap) {
        try {
            if (!pending.tryBegin(onHeap)) {
                workers.standstill().makeRoom();
                pending.begin(onHeap);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            pending.beginNow(onHeap);
            fail(cancelled(interrupted));
        }
    }

    void end(int onHeap) {
        pending.end(onHeap);
    }

    void cut(Runnable task) {
        workers.cut(task);
    }

    /** Where the windows of one run go: each to a worker, which names it, and stores it if it is not known. */
    private final class RunWindows implements Cutter.Windows {
        private final ChunkRun run;

        RunWindows(ChunkRun run) {
            this.run = run;
        }

        private int next(int bytes) {
            takeRoom(1);
            return run.next(bytes);
        }

        @Override
        public void zeros(int bytes) {
            run.set(next(bytes), ChunkName.ZERO, ChunkCheck.UNKNOWN, bytes, null);
            counts.zeros(bytes);
        }

        @Override
        public void window(Window window) {
            int index = next(window.length());
            begin(0);
            workers.name(() -> {
                try {
                    if (!failed()) {
                        store(run, index, window);
                    }
                } catch (FerryException known) {
                    fail(known);
                } catch (Exception | Error unexpected) {
                    fail(translate(unexpected));
                } finally {
                    window.release();
                    end(0);
                }
            });
        }
    }

    private void store(ChunkRun run, int index, Window window) throws InterruptedException {
        int length = window.length();
        if (window.isZero()) {
            run.set(index, ChunkName.ZERO, ChunkCheck.UNKNOWN, length, null);
            counts.zeros(length);
            return;
        }
        ChunkWorker worker = ChunkWorker.ofThread();
        Named named = windows.named(worker, window, () -> counts.recognised(length));
        ChunkPlace place = packs.find(named.name());
        counts.chunk(place != null);
        if (place == null) {
            place = packs.add(named.name(), worker.stored(window));
        }
        run.set(index, named.name(), named.check(), length, place);
    }

    @Override
    public void fail(FerryException cause) {
        failure.compareAndSet(null, cause);
        sourceStandsStill(false);
    }

    @Override
    public void sourceStandsStill(boolean still) {
        if (still) {
            // It goes on here and is saved here again; for one that leaves the node it would only be work while it waits.
            windows.remember();
        }
        if (holdsBack.getAndSet(still) != still) {
            if (still) {
                workers.standstill().begin();
            } else {
                workers.standstill().end();
            }
        }
    }

    boolean failed() {
        return failure.get() != null;
    }

    FerryException translate(Throwable unexpected) {
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
    public void restoreOrder(List<String> names) {
        restoreOrder = List.copyOf(names);
    }

    @Override
    public long bytesIn() {
        return counts.bytesIn();
    }

    @Override
    public long bytesSent() {
        return packs.sentBytes();
    }

    @Override
    public long recognisedBytes() {
        return counts.recognisedBytes();
    }

    @Override
    public Image commit(Image facts, Duration atMost) {
        long begin = System.nanoTime();
        if (!openRuns.isEmpty()) {
            check();
            throw new FerryException(ErrorCode.INTERNAL, "Image " + image + " can't be committed: " + openRuns.size() + " runs of bytes are not at their end");
        }
        // The job may stand still until this is done, or until it is given up.
        workers.standstill().makeRoom();
        try {
            if (!pending.awaitNone(atMost)) {
                throw late(pending.count() + " pieces of it wait to be named or packed");
            }
            check();
            if (!packs.finish(atMost.toNanos() - (System.nanoTime() - begin))) {
                throw late("packs of it are on their way to the store");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            fail(cancelled(interrupted));
        }
        check();
        Manifest manifest = manifest(facts);
        switch (kind) {
            case IMAGE -> {
                ByteBuffer written = ManifestFormat.write(manifest);
                ManifestFormat.requireReadable(image, manifest, written);
                hold.commit(written);
            }
            case PRE_COPY -> hold.commitRound(ManifestFormat.write(manifest));
        }
        windows.whole();
        return manifest.getImage();
    }

    /** Says in the log what the threads behind the image do: one that stands still for no reason is a defect of ours. */
    private FerryException late(String what) {
        String threads = Workers.atWork();
        LOG.error("image {} is not stored within its deadline: {}; the threads behind it:{}", image, what, threads);
        return new FerryException(ErrorCode.DUMP_TIMEOUT, "Image " + image + " was not stored within the deadline: " + what);
    }

    private Manifest manifest(Image facts) {
        Image.Builder all = facts.toBuilder().setId(image).setMemoryBytes(draft.memoryBytes()).setSentBytes(packs.sentBytes());
        counts.writeTo(all);
        Manifest.Builder manifest = Manifest.newBuilder().setFormatVersion(ManifestFormat.VERSION).setSpec(spec).setWriter(hold.writer()).setImage(all);
        draft.writeTo(manifest, restoreOrder);
        return manifest.build();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        fail(new FerryException(ErrorCode.CANCELLED, "The write of image " + image + " was given up"));
        // Pieces that are still queued or kept are only given back from here on, which does not take long.
        openRuns.forEach(RunSink::wake);
        workers.standstill().makeRoom();
        packs.giveUp();
        boolean none = false;
        try {
            none = pending.awaitNone(CLOSING);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        if (none) {
            end();
        } else {
            // A job may stand still until this returns. Packs and hold end behind the last piece.
            Thread unused = Thread.ofPlatform().daemon().name("end of image " + image).start(this::endLate);
        }
    }

    private void endLate() {
        try {
            while (!pending.awaitNone(LONGEST)) {
                LOG.error("{} pieces of image {}, which was given up, are still in somebody's hands:{}", pending.count(), image, Workers.atWork());
            }
            end();
        } catch (InterruptedException | RuntimeException failed) {
            LOG.warn("what image {} held is left to the collector", image, failed);
        }
    }

    private void end() {
        windows.close();
        packs.close();
        hold.close();
    }
}
