package dev.ferry.storage.look;

import dev.ferry.proto.v1.ImageContent;
import dev.ferry.proto.v1.MemoryKind;
import dev.ferry.proto.v1.ProcessFacts;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;

/** Reads processes, memory, files and sockets out of CRIU's files. Numbers are those of CRIU's images/*.proto and include/image.h. */
final class ProcessTree {
    private static final long PAGE = 4096;
    private static final int STACK = 1 << 1;
    private static final int HEAP = 1 << 5;
    private static final int FILE_PRIVATE = 1 << 6;
    private static final int FILE_SHARED = 1 << 7;
    private static final int ANON_SHARED = 1 << 8;
    private static final int PRESENT = 1 << 2;
    private static final int INET = 4;
    private static final int UNIX = 5;
    private static final int REGULAR = 1;
    private static final int IPV4_WORDS = 1;
    private static final int STREAM = 1;

    private final Function<String, Optional<CriuFile>> files;
    private final ImageContent.Builder content = ImageContent.newBuilder();
    private final Map<String, MemoryKind.Builder> memory = new TreeMap<>();
    private final Set<String> seen = new HashSet<>();

    private ProcessTree(Function<String, Optional<CriuFile>> files) {
        this.files = files;
    }

    /**
     * @param names of all of the image's files
     * @param files one of them by its name
     */
    static ImageContent.Builder read(List<String> names, Function<String, Optional<CriuFile>> files) {
        ProcessTree tree = new ProcessTree(files);
        tree.entries("pstree.img").forEach(tree::process);
        names.stream().filter(name -> name.startsWith("pagemap-shmem-")).forEach(name -> tree.pages(name, List.of()));
        tree.entries("files.img").forEach(tree::file);
        tree.memory.values().forEach(tree.content::addMemory);
        return tree.content;
    }

    private List<CriuFile.Entry> entries(String name) {
        return files.apply(name).map(CriuFile::entries).orElse(List.of());
    }

    private void process(CriuFile.Entry entry) {
        long pid = entry.number(1);
        ProcessFacts.Builder process = ProcessFacts.newBuilder().setPid((int) pid).setParent((int) entry.number(2)).setThreads(entry.numbers(5).size());
        entries("core-" + pid + ".img").stream().findFirst().ifPresent(core -> process.setName(core.message(3).text(6)));
        List<CriuFile.Entry> areas = entries("mm-" + pid + ".img").stream().flatMap(mm -> mm.messages(14).stream()).toList();
        for (CriuFile.Entry area : areas) {
            long bytes = area.number(2) - area.number(1);
            process.setMappedBytes(process.getMappedBytes() + bytes);
            MemoryKind.Builder kind = kind((int) area.number(7));
            kind.setMappedBytes(kind.getMappedBytes() + bytes);
        }
        content.addProcesses(process.setSavedBytes(pages("pagemap-" + pid + ".img", areas)));
    }

    /** @return bytes of memory that the image holds for this map */
    private long pages(String name, List<CriuFile.Entry> areas) {
        long all = 0;
        TreeMap<Long, CriuFile.Entry> byBegin = new TreeMap<>();
        areas.forEach(area -> byBegin.put(area.number(1), area));
        // The first entry only says which pages file goes with it.
        for (CriuFile.Entry run : entries(name).stream().skip(1).toList()) {
            boolean inThisImage = !run.has(4) || (run.number(4) & PRESENT) != 0;
            long bytes = inThisImage ? PAGE * (run.has(5) ? run.number(5) : run.number(2)) : 0;
            Map.Entry<Long, CriuFile.Entry> area = byBegin.floorEntry(run.number(1));
            MemoryKind.Builder kind = area == null ? kind(ANON_SHARED) : kind((int) area.getValue().number(7));
            kind.setSavedBytes(kind.getSavedBytes() + bytes);
            all += bytes;
        }
        return all;
    }

    private MemoryKind.Builder kind(int status) {
        String name;
        if ((status & STACK) != 0) {
            name = "stack";
        } else if ((status & HEAP) != 0) {
            name = "heap";
        } else if ((status & FILE_PRIVATE) != 0) {
            name = "private file";
        } else if ((status & FILE_SHARED) != 0) {
            name = "shared file";
        } else if ((status & ANON_SHARED) != 0) {
            name = "shared";
        } else {
            name = "private";
        }
        return memory.computeIfAbsent(name, key -> MemoryKind.newBuilder().setKind(key));
    }

    private void file(CriuFile.Entry file) {
        switch ((int) file.number(1)) {
            case REGULAR -> {
                if (seen.add(file.message(3).text(6))) {
                    content.addFiles(file.message(3).text(6));
                }
            }
            case INET -> content.addSockets(inet(file.message(4)));
            case UNIX -> content.addSockets(unix(file.message(16)));
            default -> content.setOtherDescriptors(content.getOtherDescriptors() + 1);
        }
    }

    private static String inet(CriuFile.Entry socket) {
        String protocol = socket.number(4) == STREAM ? "tcp" : "udp";
        return protocol + " " + address(socket.numbers(11)) + ":" + socket.number(7) + " -> " + address(socket.numbers(12)) + ":" + socket.number(8);
    }

    /** Words of 32 bits as they lay in memory: the address is in network order. */
    private static String address(List<Long> words) {
        ByteBuffer bytes = ByteBuffer.allocate(words.size() == IPV4_WORDS ? 4 : 16).order(ByteOrder.LITTLE_ENDIAN);
        words.stream().limit(bytes.capacity() / Integer.BYTES).forEach(word -> bytes.putInt(word.intValue()));
        try {
            return InetAddress.getByAddress(bytes.array()).getHostAddress();
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String unix(CriuFile.Entry socket) {
        String name = socket.bytes(11).toStringUtf8();
        String shown = name.isEmpty() ? "(no name)" : name.startsWith("\0") ? "@" + name.substring(1).replace('\0', '@') : name.replace("\0", "");
        return "unix " + shown + (socket.number(8) == 0 ? "" : " (connected)");
    }
}
