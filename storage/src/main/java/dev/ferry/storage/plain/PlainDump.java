package dev.ferry.storage.plain;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.look.CriuFile;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * What the small files say of a dump that somebody made with criu, of processes outside of any sandbox. Numbers are those of CRIU's
 * images/*.proto and include/image.h.
 */
public final class PlainDump {
    static final int REGULAR = 1;
    private static final int ACCESS_MODE = 3;

    private final PlainFiles files;
    private final List<Task> tasks;
    private final List<CriuFile.Entry> descriptors;

    private PlainDump(PlainFiles files, List<Task> tasks, List<CriuFile.Entry> descriptors) {
        this.files = files;
        this.tasks = tasks;
        this.descriptors = descriptors;
    }

    /**
     * One process.
     *
     * @param threads their ids, the process's own among them; none when it has ended
     */
    record Task(int pid, int group, int session, List<Integer> threads) {}

    /**
     * A file that is open or mapped, or the folder in which a process is.
     *
     * @param path as it was where the dump was made
     * @param written whether it is open for writing
     * @param removed whether it has no name any more and is in the dump itself
     */
    record Open(String path, boolean written, boolean removed) {}

    /** What the clocks of the machine showed that only count up; after a restore they go on from there. */
    public record Clocks(Duration monotonic, Duration boottime) {}

    /**
     * Reads what every dump has.
     *
     * @throws FerryException INVALID_ARGUMENT: it is not a whole dump, or not as CRIU writes it
     */
    public static PlainDump read(PlainFiles all) {
        PlainFiles files = new Bounded(all);
        if (!files.names().contains(CriuFile.INVENTORY)) {
            throw refused("it has no " + CriuFile.INVENTORY + ", which criu writes last: the dump was not finished, or this is no folder of a dump");
        }
        List<Task> tasks = new ArrayList<>();
        for (CriuFile.Entry entry : parse(files, "pstree.img").entries()) {
            int pid = (int) entry.number(1);
            // One that has ended and was not waited for has no memory, and whatever number there is no thread's.
            boolean lives = files.names().contains("mm-" + pid + ".img");
            tasks.add(new Task(pid, (int) entry.number(3), (int) entry.number(4), lives ? entry.numbers(5).stream().map(Long::intValue).toList() : List.of()));
        }
        if (tasks.isEmpty()) {
            throw refused("pstree.img names no process");
        }
        return new PlainDump(files, List.copyOf(tasks), parse(files, "files.img").entries());
    }

    /** Ids of all users and groups that its processes have or could take on again. */
    public Set<Integer> ids() {
        Set<Integer> ids = new HashSet<>();
        for (Task task : tasks) {
            for (int thread : task.threads()) {
                for (CriuFile.Entry core : entries("core-" + thread + ".img")) {
                    CriuFile.Entry credentials = core.message(5).message(10);
                    for (int field = 1; field <= 8; field++) {
                        ids.add((int) credentials.number(field));
                    }
                    credentials.numbers(14).forEach(group -> ids.add(group.intValue()));
                }
            }
        }
        return ids;
    }

    static FerryException refused(String why) {
        return new FerryException(ErrorCode.INVALID_ARGUMENT, "The dump can't become a job: " + why);
    }

    private static CriuFile parse(PlainFiles files, String name) {
        if (!files.names().contains(name)) {
            throw refused(name + " is missing: it is not a whole dump (criu pre-dump makes none), or one of a CRIU older than 3");
        }
        try {
            return CriuFile.parse(name, files.read(name));
        } catch (IllegalArgumentException unknown) {
            throw refused(name + " is not as CRIU writes it: " + unknown.getMessage());
        }
    }

    PlainFiles files() {
        return files;
    }

    boolean has(String name) {
        return files.names().contains(name);
    }

    /**
     * One of CRIU's files.
     *
     * @throws FerryException INVALID_ARGUMENT: it is missing, or not as CRIU writes it
     */
    CriuFile file(String name) {
        return parse(files, name);
    }

    /** The entries of one of CRIU's files; none when it is not there. */
    List<CriuFile.Entry> entries(String name) {
        return has(name) ? file(name).entries() : List.of();
    }

    List<Task> tasks() {
        return tasks;
    }

    /** Entries of files.img. */
    List<CriuFile.Entry> descriptors() {
        return descriptors;
    }

    /** The first process: its id is the one that it has in any sandbox. */
    public int rootPid() {
        return tasks.getFirst().pid();
    }

    /** The greatest id of a process or thread. */
    public int greatestId() {
        return tasks.stream().flatMapToInt(task -> IntStream.concat(IntStream.of(task.pid()), task.threads().stream().mapToInt(Integer::intValue))).max().orElseThrow();
    }

    /** What the first process calls itself. */
    public String name() {
        return file("core-" + rootPid() + ".img").entries().getFirst().message(3).text(6);
    }

    /** The program that the first process runs. */
    public String program() {
        long id = entries("mm-" + rootPid() + ".img").stream().findFirst().map(mm -> mm.number(12)).orElse(0L);
        return path(id).orElse(name());
    }

    /** The path of a file of files.img. */
    Optional<String> path(long id) {
        return descriptors.stream().filter(entry -> entry.number(1) == REGULAR && entry.number(2) == id).findFirst().map(entry -> entry.message(3).text(6));
    }

    /** Empty: the dump does not say. */
    public Optional<Clocks> clocks() {
        return entries("timens-0.img").stream().findFirst().map(entry -> new Clocks(time(entry.message(1)), time(entry.message(2))));
    }

    /** Whether TCP connections come back closed, as who made the dump has asked for (criu dump --tcp-close). */
    public boolean closesConnections() {
        return file(CriuFile.INVENTORY).entries().stream().anyMatch(inventory -> inventory.number(10) != 0);
    }

    private static Duration time(CriuFile.Entry time) {
        return Duration.ofSeconds(time.number(1), time.number(2));
    }

    /** Whatever has a path. */
    List<Open> opens() {
        Set<Long> removed = new HashSet<>();
        entries("remap-fpath.img").forEach(entry -> removed.add(entry.number(1)));
        List<Open> opens = new ArrayList<>();
        for (CriuFile.Entry entry : descriptors) {
            if (entry.number(1) == REGULAR) {
                CriuFile.Entry file = entry.message(3);
                opens.add(new Open(file.text(6), (file.number(2) & ACCESS_MODE) != 0, removed.contains(entry.number(2))));
            }
        }
        return opens;
    }

    /** Gives out no more than fits into memory many times over: parsed, a file takes as much. */
    private static final class Bounded implements PlainFiles {
        private static final long MOST_BYTES = 256L << 20;
        private static final int MOST_OF_CORE = 1 << 20;

        private final PlainFiles all;
        private long given;

        Bounded(PlainFiles all) {
            this.all = all;
        }

        @Override
        public Set<String> names() {
            return all.names();
        }

        @Override
        public byte[] read(String name) {
            byte[] content = all.read(name);
            given += content.length;
            if (given > MOST_BYTES || (name.startsWith("core-") && content.length > MOST_OF_CORE)) {
                throw refused(name + " has " + content.length + " bytes, more than criu writes there, or all files that describe the processes have more than " + (MOST_BYTES >> 20) + " MiB");
            }
            return content;
        }
    }
}
