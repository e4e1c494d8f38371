package dev.ferry.storage.image;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.proto.v1.StoredVolume;
import dev.ferry.proto.v1.VolumeEntry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The files and volumes of an image on its way, in the order in which they came. Safe for threads until it is read. */
final class ManifestDraft {
    /** How the names of CRIU's files that hold memory pages begin. */
    private static final String MEMORY = "pages-";

    private final Map<String, ChunkRun> files = new LinkedHashMap<>();
    private final Map<String, List<Entry>> volumes = new LinkedHashMap<>();

    /**
     * @param run null for what has no content
     */
    private record Entry(VolumeEntry entry, @Nullable ChunkRun run) {}

    /** Whether a file of CRIU's holds memory pages. */
    static boolean isMemory(String file) {
        return file.startsWith(MEMORY);
    }

    /** Whether there was none of this name. */
    boolean addFile(String name, ChunkRun run) {
        synchronized (files) {
            return files.put(name, run) == null;
        }
    }

    /** An entry without content. */
    void addEntry(String volume, VolumeEntry entry) {
        add(volume, new Entry(entry, null));
    }

    /** A regular file; its size and chunks are those of the run. */
    void addRegular(String volume, VolumeEntry entry, ChunkRun run) {
        add(volume, new Entry(entry, run));
    }

    private void add(String volume, Entry entry) {
        synchronized (volumes) {
            volumes.computeIfAbsent(volume, name -> new ArrayList<>()).add(entry);
        }
    }

    /**
     * Writes the files, the volumes and the packs that hold their chunks, when no run grows any more.
     *
     * @param restoreOrder names of files, also of some that are not here
     */
    void writeTo(Manifest.Builder manifest, List<String> restoreOrder) {
        Map<String, Integer> packs = new LinkedHashMap<>();
        Map<String, Integer> indexes = new HashMap<>();
        files.keySet().forEach(name -> indexes.put(name, indexes.size()));
        restoreOrder.stream().distinct().map(indexes::get).filter(Objects::nonNull).forEach(manifest::addRestoreOrder);
        files.forEach((name, run) -> manifest.addFiles(StoredFile.newBuilder().setName(name).setSize(run.bytes()).setChunks(list(run, packs))));
        volumes.forEach(
                (name, entries) -> {
                    StoredVolume.Builder stored = StoredVolume.newBuilder().setName(name);
                    for (Entry entry : entries) {
                        ChunkRun run = entry.run();
                        stored.addEntries(run == null ? entry.entry() : entry.entry().toBuilder().setSize(run.bytes()).setChunks(list(run, packs)).build());
                    }
                    manifest.addVolumes(stored);
                });
        manifest.addAllPacks(packs.keySet());
    }

    private static ChunkList list(ChunkRun run, Map<String, Integer> packs) {
        return run.toList(pack -> packs.computeIfAbsent(pack, key -> packs.size()));
    }

    /** Bytes of memory pages. */
    long memoryBytes() {
        return files.entrySet().stream().filter(file -> isMemory(file.getKey())).mapToLong(file -> file.getValue().bytes()).sum();
    }
}
