package dev.ferry.node.criu;

import dev.ferry.node.posix.DescriptorSocket;
import dev.ferry.node.posix.PosixException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.ByteSource;
import dev.ferry.storage.ChunkLists;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.look.CriuFile;
import dev.ferry.storage.plain.PlainImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fills a job's memory while the job still runs elsewhere, so that its restore only makes what has changed since. Criu is started before there is an image, and holds in its own memory what was copied
 * ahead of the job; {@code ferry-ahead.c}, which is loaded into it, says how that becomes the job's. This sends the content, and when there is an image says which of it is right: the same chunk at the same
 * addresses. What is right is not sent to criu again.
 */
final class MemoryAhead implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MemoryAhead.class);
    private static final String SOCKET = "ahead.sock";
    private static final String USE = "memory-ahead";
    private static final Duration LOOK = Duration.ofMillis(100);
    /** Of all processes together; ferry-ahead.c takes no more. */
    private static final int MOST_AREAS = 4096;
    /** Of runs that follow each other, joined: some tens of thousands of runs. Each takes hundreds of bytes while it is read, and with more there is little to be kept. */
    private static final int MOST_PAGEMAP_BYTES = 512 << 10;
    /** A larger one is a range of addresses that is kept free rather than memory. */
    private static final long MOST_BYTES = 1L << 40;
    // Of CRIU's pagemap.h.
    private static final int IN_PARENT = 1;
    private static final int PRESENT = 1 << 2;

    private final Path socket;
    private final DescriptorSocket listener;
    private final MemoryUseFile use;
    private final Map<Integer, MemoryUse.There> filled = new HashMap<>();
    /** By the name of criu's file of pages: what of it criu must still read. */
    private final Map<String, ChunkList> rest = new ConcurrentHashMap<>();
    private volatile @Nullable ImageReader image;
    private volatile long kept;
    private @Nullable Map<PageRun, Integer> mappings;

    private MemoryAhead(Path socket, DescriptorSocket listener, MemoryUseFile use) {
        this.socket = socket;
        this.listener = listener;
        this.use = use;
    }

    /** Puts what it needs into the folder of a restore. */
    static MemoryAhead in(Path runFolder) throws IOException {
        Path socket = runFolder.resolve(SOCKET);
        Files.deleteIfExists(socket);
        MemoryUseFile use = MemoryUseFile.create(runFolder.resolve(USE));
        return new MemoryAhead(socket, DescriptorSocket.listen(socket), use);
    }

    /** What criu's environment must hold. */
    Map<String, String> environment() {
        return Map.of("FERRY_AHEAD", socket.toString(), "FERRY_AHEAD_USE", use.path().toString());
    }

    /**
     * Fills criu's memory with what was copied. It goes on to its gate then, also if there was no memory for it.
     *
     * @param copied where the chunks are
     * @param goesOn asked all the time: whether to go on with it
     * @return bytes that are there; 0: nothing is, and the restore makes everything as always
     * @throws IOException when criu has ended, or is not what was expected
     */
    long fill(ImageReader copied, List<CopiedProcess> processes, HangUp.Waits goesOn) throws IOException {
        DescriptorSocket criu = null;
        while (criu == null) {
            if (!goesOn.test()) {
                throw new IOException("criu did not come to have its memory filled");
            }
            criu = listener.accept(LOOK);
        }
        try (DescriptorSocket open = criu;
                HangUp unless = new HangUp(open, goesOn)) {
            AheadSender sender = new AheadSender(open);
            Map<PageRun, Integer> sharing = new HashMap<>();
            processes.forEach(process -> count(process.mappings().stream(), sharing));
            for (CopiedProcess process : processes) {
                send(sender, copied, process, area -> sharing.getOrDefault(area, 0) == 1);
            }
            if (sender.end()) {
                return sender.bytes();
            }
        } catch (PosixException closed) {
            if (!closed.brokenPipe() && !closed.connectionReset()) {
                throw closed;
            }
            // It had no memory for it, and goes on without; or it has ended, which shows at its gate.
        }
        filled.clear();
        return 0;
    }

    /**
     * @param isAlone whether no other process has the same mapping: what it shares with its parent criu takes from there
     */
    private void send(AheadSender sender, ImageReader copied, CopiedProcess process, Predicate<PageRun> isAlone) throws IOException {
        Optional<List<MemoryWindow>> windows = MemoryWindow.of(process.runs(), process.chunks());
        if (windows.isEmpty() || filled.containsKey(process.pid())) {
            LOG.warn("memory of process {} was copied ahead in a way that is not understood; nothing of it is filled ahead", process.pid());
            return;
        }
        TreeMap<Long, PageRun> areas = new TreeMap<>();
        process.mappings().stream()
                .filter(area -> area.bytes() >= ProcessMappings.HUGE_PAGE && area.bytes() <= MOST_BYTES && isAlone.test(area))
                .limit(MOST_AREAS - areas())
                .forEach(area -> areas.put(area.begin(), area));
        List<MemoryWindow> wanted = windows.get().stream().filter(window -> !window.zeros() && window.runs().stream().allMatch(run -> areaOf(areas, run).isPresent())).toList();
        BitSet chunks = new BitSet();
        wanted.forEach(window -> chunks.set(window.chunk()));
        MemoryUse.There there = new MemoryUse.There(new HashMap<>(), wanted);
        try (ByteSource source = copied.open(ChunkLists.pick(process.chunks(), chunks))) {
            for (PageRun run : there.runs()) {
                for (long at = run.begin(); at < run.end(); ) {
                    // Two mappings may lie side by side.
                    PageRun area = areaOf(areas, new PageRun(at, 1)).orElseThrow();
                    if (there.areas().put(area.begin(), area.end()) == null) {
                        sender.area(process.pid(), area);
                    }
                    PageRun part = new PageRun(at, Math.min(run.end(), area.end()) - at);
                    sender.content(part, source);
                    at = part.end();
                }
            }
        }
        filled.put(process.pid(), there);
    }

    private int areas() {
        return filled.values().stream().mapToInt(there -> there.areas().size()).sum();
    }

    private static Optional<PageRun> areaOf(TreeMap<Long, PageRun> areas, PageRun run) {
        return Optional.ofNullable(areas.floorEntry(run.begin())).map(Map.Entry::getValue).filter(area -> run.end() <= area.end());
    }

    /** The image that the job is restored from; before criu asks for any of its files. */
    void restores(ImageReader reader) {
        image = reader;
    }

    /**
     * A process is about to be restored: says what of its memory is right.
     *
     * @param file its mappings as criu gets them
     * @param begin of its area, modulo a huge page
     */
    synchronized void use(int process, byte[] file, long begin) {
        Optional<Found> found = Optional.empty();
        try {
            found = find(process, file, begin);
        } catch (IOException | RuntimeException unexpected) {
            LOG.warn("process {} is restored without the memory that is there: {}", process, unexpected.toString());
        }
        found.ifPresent(one -> tell(process, one));
    }

    /** What is right of a process whose pages are in a file of criu's. */
    private record Found(String pages, MemoryUse use) {}

    private Optional<Found> find(int process, byte[] file, long begin) throws IOException {
        MemoryUse.There there = filled.get(process);
        ImageReader reader = image;
        if (there == null || reader == null) {
            return Optional.empty();
        }
        String name = "pagemap-" + process + ".img";
        if (reader.file(name).filter(one -> one.getSize() <= HugePages.MOST_BYTES).isEmpty()) {
            return Optional.empty();
        }
        byte[] joined = PagemapRuns.joined(new PlainImage(reader).read(name));
        if (joined.length > MOST_PAGEMAP_BYTES) {
            return Optional.empty();
        }
        CriuFile pagemap = CriuFile.parse(name, joined);
        String pages = "pages-" + pagemap.entries().getFirst().number(1) + ".img";
        ChunkList chunks = reader.file(pages).map(StoredFile::getChunks).orElse(ChunkList.getDefaultInstance());
        Optional<List<PageRun>> runs = runs(pagemap);
        Optional<List<MemoryWindow>> windows = runs.flatMap(all -> MemoryWindow.of(all, chunks));
        if (windows.isEmpty() || rest.containsKey(pages)) {
            return Optional.empty();
        }
        MemoryUse found =
                MemoryUse.of(there, ProcessMappings.of(file), begin, mapping -> mappings().getOrDefault(mapping.range(), 0) == 1, runs.get(), windows.get(), chunks);
        return found.moved().isEmpty() ? Optional.empty() : Optional.of(new Found(pages, found));
    }

    /** What criu is told it takes, and what it takes it is not sent. Whether a word that failed has come is not known: then its file of pages ends too early, and the restore fails. */
    private void tell(int process, Found found) {
        rest.put(found.pages, found.use.rest());
        try {
            if (use.add(process, found.use)) {
                kept += found.use.kept().stream().mapToLong(PageRun::bytes).sum();
            } else {
                rest.remove(found.pages);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    long keptBytes() {
        return kept;
    }

    /** What criu must still read of a file of pages; empty: all of it. */
    Optional<ChunkList> rest(String file) {
        return Optional.ofNullable(rest.get(file));
    }

    /** Empty: memory is not all in this image, or in no order that is known here. */
    private static Optional<List<PageRun>> runs(CriuFile pagemap) {
        List<PageRun> runs = new ArrayList<>();
        for (CriuFile.Entry run : pagemap.entries().subList(1, pagemap.entries().size())) {
            long flags = run.has(4) ? run.number(4) : PRESENT;
            if ((flags & (IN_PARENT | PRESENT)) != PRESENT || run.number(3) != 0) {
                return Optional.empty();
            }
            PageRun.append(runs, new PageRun(run.number(1), 4096 * (run.has(5) ? run.number(5) : run.number(2))));
        }
        return Optional.of(runs);
    }

    /** Adds one process's mappings to how many processes have each. */
    private static void count(Stream<PageRun> mappings, Map<PageRun, Integer> processes) {
        mappings.distinct().forEach(one -> processes.merge(one, 1, Integer::sum));
    }

    /** How many processes of the image have a mapping. */
    private Map<PageRun, Integer> mappings() {
        Map<PageRun, Integer> known = mappings;
        if (known != null) {
            return known;
        }
        known = new HashMap<>();
        ImageReader reader = Objects.requireNonNull(image);
        try {
            for (StoredFile file : reader.manifest().getFilesList()) {
                if (file.getName().startsWith("mm-")) {
                    count(ProcessMappings.of(new PlainImage(reader).read(file.getName())).all().stream().map(one -> one.mapping().range()), known);
                }
            }
        } catch (IOException malformed) {
            throw new IllegalArgumentException("the mappings of a process can't be read", malformed);
        }
        mappings = known;
        return known;
    }

    @Override
    public void close() throws IOException {
        listener.close();
        Files.deleteIfExists(socket);
    }
}
