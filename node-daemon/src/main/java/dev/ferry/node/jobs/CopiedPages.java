package dev.ferry.node.jobs;

import dev.ferry.node.criu.CopiedProcess;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.ProcText;
import dev.ferry.proto.v1.CopiedAddresses;
import dev.ferry.proto.v1.StoredFile;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.plain.PlainImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The two files of a process that is copied ahead: its pages, and the addresses at which they lay. */
final class CopiedPages {
    private static final String PAGES = "pages-of-";
    private static final String ADDRESSES = "addresses-of-";
    /** Of one process; more than memory of 1 TiB in pieces of 4 MiB has. */
    private static final long MOST_ADDRESSES = 64 << 20;

    private final int pid;
    private final CopiedAddresses.Builder addresses = CopiedAddresses.newBuilder();

    private CopiedPages(int pid) {
        this.pid = pid;
    }

    /**
     * @param host number of the process outside of its sandbox; the files are named by its number within, as CRIU's are
     * @param named numbers of processes that have their files; one more is added
     * @return empty: it has ended, or is not to be told from another one
     */
    static Optional<CopiedPages> of(int host, Set<Integer> named) {
        return inside(host).filter(named::add).map(CopiedPages::new);
    }

    private static Optional<Integer> inside(int host) {
        List<Integer> found = new ArrayList<>();
        try {
            ProcText.lines(Path.of("/proc", Integer.toString(host), "status"), line -> {
                if (line.startsWith("NSpid:")) {
                    found.add(Integer.parseInt(line.substring(line.lastIndexOf('\t') + 1).trim()));
                }
            });
        } catch (IOException ended) {
            return Optional.empty();
        }
        return found.stream().findFirst();
    }

    String file() {
        return PAGES + pid;
    }

    void mapping(long begin, long end) {
        addresses.addMappings(begin).addMappings(end);
    }

    /** The addresses of the next pages that go into the file. */
    void add(List<Posix.Range> ranges) {
        for (Posix.Range range : ranges) {
            int last = addresses.getRunsCount();
            boolean goesOn = last > 0 && addresses.getRuns(last - 2) + addresses.getRuns(last - 1) == range.address();
            if (goesOn) {
                addresses.setRuns(last - 1, addresses.getRuns(last - 1) + range.length());
            } else {
                addresses.addRuns(range.address()).addRuns(range.length());
            }
        }
    }

    void writeAddresses(ImageWriter copy) throws InterruptedException {
        byte[] all = addresses.build().toByteArray();
        try (ByteSink sink = copy.file(ADDRESSES + pid)) {
            for (int at = 0; at < all.length; ) {
                ByteBuffer buffer = copy.take();
                int bytes = Math.min(buffer.capacity(), all.length - at);
                sink.write(buffer.put(all, at, bytes).flip());
                at += bytes;
            }
        }
    }

    /** Bytes of memory in a copy. */
    static long bytes(ImageReader copy) {
        return copy.manifest().getFilesList().stream().filter(file -> file.getName().startsWith(PAGES)).mapToLong(StoredFile::getSize).sum();
    }

    /** The processes of a copy. */
    static List<CopiedProcess> read(ImageReader copy) throws IOException {
        List<CopiedProcess> processes = new ArrayList<>();
        for (StoredFile file : copy.manifest().getFilesList()) {
            Optional<StoredFile> pages = file.getName().startsWith(ADDRESSES) ? copy.file(PAGES + file.getName().substring(ADDRESSES.length())) : Optional.empty();
            if (pages.isPresent() && file.getSize() <= MOST_ADDRESSES) {
                processes.add(new CopiedProcess(Integer.parseInt(file.getName().substring(ADDRESSES.length())), CopiedAddresses.parseFrom(new PlainImage(copy).read(file.getName())), pages.get().getChunks()));
            }
        }
        return processes;
    }
}
