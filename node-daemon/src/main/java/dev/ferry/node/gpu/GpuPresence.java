package dev.ferry.node.gpu;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;

/**
 * When it is worth to look anew which GPUs there are. NVML lists those that there were when it began, and to begin it anew is not for each look; the list that the
 * driver's module keeps costs nothing to read. A change of it is the reason, or that a GPU is lost; and once more a while later, for a GPU is on the list before it can
 * be used, and a look may have failed. Of one thread.
 */
final class GpuPresence {
    private static final Duration SETTLING = Duration.ofMinutes(1);

    private final Path folder;
    private final String names;
    private final long settling;
    private Set<String> known;
    private Set<String> knownLost = Set.of();
    private boolean again;
    private long againAt;

    /**
     * @param folder where there is an entry for each GPU; one that is not there never changes
     * @param names of the entries
     */
    GpuPresence(Path folder, String names) {
        this(folder, names, SETTLING);
    }

    GpuPresence(Path folder, String names, Duration settling) {
        this.folder = folder;
        this.names = names;
        this.settling = settling.toNanos();
        known = read();
    }

    /**
     * Whether to look anew; who is told so does, and says how it went.
     *
     * @param lost GPUs that NVML says are gone
     */
    boolean isDue(Set<String> lost) {
        Set<String> now = read();
        boolean changed = !now.equals(known) || !knownLost.containsAll(lost);
        known = now;
        knownLost = Set.copyOf(lost);
        if (changed) {
            again = true;
            againAt = System.nanoTime() + settling;
            return true;
        }
        if (again && System.nanoTime() - againAt >= 0) {
            again = false;
            return true;
        }
        return false;
    }

    /** A look anew told nothing: one more, later. */
    void failed() {
        again = true;
        againAt = System.nanoTime() + settling;
    }

    private Set<String> read() {
        Set<String> entries = new TreeSet<>();
        try (var there = Files.newDirectoryStream(folder, names)) {
            there.forEach(entry -> entries.add(String.valueOf(entry.getFileName())));
        } catch (IOException | DirectoryIteratorException unreadable) {
            // The driver is not loaded, or has no such list.
            return Set.of();
        }
        return entries;
    }
}
