package dev.ferry.storage.image;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Begins an image's files before CRIU asks for them, in the order in which it asked when the job came back last, some at a time: each that is taken makes room for the next.
 * CRIU asks for one after the other, so that a store's time to answer would be waited for as many times as there are files. Safe for threads.
 */
final class Prefetch implements AutoCloseable {
    /** Files that are begun and not asked for; how many chunks of them are held is bounded by {@link ChunkFetcher#mayFetchAhead}. */
    private static final int MOST_BEGUN = 12;

    private final Iterator<StoredFile> order;
    private final Function<ChunkList, ChunkSource> sources;
    /** By the list itself, not its content: two files of the same content are two sources. */
    private final Map<ChunkList, ChunkSource> begun = new IdentityHashMap<>();
    /** What was asked for before its turn is not begun any more. */
    private final Set<ChunkList> taken = Collections.newSetFromMap(new IdentityHashMap<>());
    /** The last of them, as long as it lacks a right to begin all that it may. */
    private @Nullable ChunkSource waiting;
    private boolean closed;

    Prefetch(Manifest manifest, Function<ChunkList, ChunkSource> sources) {
        order = order(manifest).iterator();
        this.sources = sources;
    }

    /** Files with content: those that CRIU asked for, as it did, then all others, small ones before memory. */
    static List<StoredFile> order(Manifest manifest) {
        Set<Integer> indexes = new LinkedHashSet<>(manifest.getRestoreOrderList());
        List<Integer> memory = new ArrayList<>();
        for (int index = 0; index < manifest.getFilesCount(); index++) {
            if (ManifestDraft.isMemory(manifest.getFiles(index).getName())) {
                memory.add(index);
            } else {
                indexes.add(index);
            }
        }
        indexes.addAll(memory);
        return indexes.stream()
                // An image says what it likes.
                .filter(index -> index >= 0 && index < manifest.getFilesCount())
                .map(manifest::getFiles)
                .filter(file -> file.getChunks().getLengthsCount() > 0)
                .toList();
    }

    /** Begins as many as may be. */
    synchronized void begin() {
        while (!closed && mayGoOn() && begun.size() < MOST_BEGUN && order.hasNext()) {
            ChunkList chunks = order.next().getChunks();
            if (taken.contains(chunks)) {
                continue;
            }
            ChunkSource source = sources.apply(chunks);
            begun.put(chunks, source);
            waiting = source;
        }
    }

    private boolean mayGoOn() {
        ChunkSource last = waiting;
        if (last != null && last.begin()) {
            waiting = null;
        }
        return waiting == null;
    }

    /** A file that is asked for now, if it was begun; the next ones are begun instead. */
    synchronized @Nullable ChunkSource take(ChunkList chunks) {
        taken.add(chunks);
        ChunkSource source = begun.remove(chunks);
        if (source != null && source == waiting) {
            waiting = null;
        }
        begin();
        return source;
    }

    @Override
    public synchronized void close() {
        closed = true;
        begun.values().forEach(ChunkSource::close);
        begun.clear();
    }
}
