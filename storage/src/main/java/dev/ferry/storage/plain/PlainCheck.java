package dev.ferry.storage.plain;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.storage.look.CriuFile;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** What of a dump keeps it from becoming a job in a sandbox. */
public final class PlainCheck {
    /** The first that the kernel gives again after its last one, and far above what a new sandbox has used. */
    private static final int LEAST_PID = 300;
    private static final int KNOWN_VERSION = 2;
    private static final int MOST_NAMED = 10;
    private static final Map<Integer, String> NAMESPACES = Map.of(5, "PID", 6, "network", 7, "IPC", 8, "UTS", 9, "mount", 10, "user", 11, "control group", 12, "time");
    /** CRIU's machines that Ferry runs on, by the names that nodes have for them. */
    private static final Map<Integer, String> ARCHITECTURES = Map.of(1, "amd64", 3, "aarch64");

    private static final int THREAD = 5;
    private static final int CREDENTIALS = 10;
    private static final int INET = 4;
    private static final int UNIX = 5;
    private static final Map<Integer, String> NOT_IN_A_SANDBOX =
            Map.of(
                    10, "a packet socket",
                    11, "a terminal: start it with setsid, its input, output and errors in files, and dump it without --shell-job",
                    14, "a namespace's file",
                    15, "a network device (tun)",
                    16, "something external (criu dump --external)",
                    19, "a BPF map",
                    65534, "a terminal (/dev/tty)",
                    65535, "an autofs pipe");
    private static final int EXTERNAL_SOCKET = 1;
    private static final int LISTENING = 10;
    private static final int CLOSED = 7;
    private static final int TCP = 6;

    private final PlainDump dump;
    private final PlainPlaces places;
    private final Set<String> problems = new LinkedHashSet<>();

    private PlainCheck(PlainDump dump, JobSpec spec) {
        this.dump = dump;
        places = new PlainPlaces(spec);
    }

    /**
     * Looks at all but the memory.
     *
     * @throws FerryException INVALID_ARGUMENT that names everything that was found
     */
    public static void require(PlainDump dump, JobSpec spec) {
        PlainCheck check = new PlainCheck(dump, spec);
        check.inventory();
        check.tasks();
        check.rights();
        check.sandbox(spec);
        dump.descriptors().forEach(check::descriptor);
        dump.opens().forEach(open -> check.places.wrong(open).ifPresent(check.problems::add));
        check.places.wrongMount().ifPresent(check.problems::add);
        refuse(check.problems);
    }

    static void refuse(Set<String> problems) {
        if (!problems.isEmpty()) {
            List<String> named = problems.stream().limit(MOST_NAMED).toList();
            throw PlainDump.refused(String.join("; ", named) + (problems.size() > MOST_NAMED ? "; and " + (problems.size() - MOST_NAMED) + " more like these" : ""));
        }
    }

    /**
     * @return as nodes call it
     * @throws FerryException INVALID_ARGUMENT: none that Ferry runs on
     */
    public static String architecture(PlainDump dump) {
        long machine = dump.file("core-" + dump.rootPid() + ".img").entries().getFirst().number(1);
        String name = ARCHITECTURES.get((int) machine);
        if (name == null) {
            throw PlainDump.refused("it is of a machine that Ferry does not run on (number " + machine + " in CRIU's core.proto)");
        }
        return name;
    }

    private CriuFile.Entry root() {
        List<CriuFile.Entry> entries = dump.file(CriuFile.INVENTORY).entries();
        return entries.isEmpty() ? PlainFolder.empty() : entries.getFirst();
    }

    private void inventory() {
        CriuFile.Entry inventory = root();
        if (inventory.number(1) != KNOWN_VERSION) {
            problems.add("its format is " + inventory.number(1) + ", and format " + KNOWN_VERSION + " of CRIU's images is known here");
        }
        if (inventory.has(9)) {
            problems.add("it is a pre-dump (criu pre-dump): memory alone");
        }
        if (!inventory.bytes(12).isEmpty()) {
            problems.add("plugins of CRIU took part in it (devices such as GPUs), and none does in a sandbox");
        }
        if (dump.has("parent")) {
            problems.add("a part of its memory is in another dump (criu dump --prev-images-dir): dump it once more without");
        }
        if (dump.files().names().stream().anyMatch(name -> name.startsWith("tcp-stream-"))) {
            problems.add("it has TCP connections (criu dump --tcp-established), and the other end is not in the sandbox: have it close them, or dump it with --tcp-close");
        }
    }

    private void tasks() {
        CriuFile.Entry own = root().message(3);
        PlainDump.Task root = dump.tasks().getFirst();
        if (root.threads().isEmpty()) {
            problems.add("process " + root.pid() + " had ended");
        }
        if (root.session() != root.pid()) {
            problems.add("process " + root.pid() + " does not lead a session (criu dump --shell-job): start it with setsid");
        }
        String architecture = architecture(dump);
        for (PlainDump.Task task : dump.tasks()) {
            Set<Integer> ids = new TreeSet<>(task.threads());
            ids.add(task.pid());
            ids.stream().map(id -> "core-" + id + ".img").filter(core -> !dump.has(core)).forEach(core -> problems.add(core + " is missing: it is not a whole dump"));
            ids.addAll(List.of(task.group(), task.session()));
            ids.stream().filter(id -> id < LEAST_PID).forEach(id -> problems.add("process, thread, group or session " + id + " would have that number in the sandbox, where small ones are taken: start it again once the machine gives greater ones, up from " + LEAST_PID));
            namespaces(task, own);
            boolean other = dump.entries("core-" + task.pid() + ".img").stream().anyMatch(core -> !architecture.equals(ARCHITECTURES.get((int) core.number(1))));
            if (other) {
                problems.add("process " + task.pid() + " is of another architecture than process " + root.pid());
            }
            String folder = dump.entries("fs-" + task.pid() + ".img").stream().findFirst().flatMap(fs -> dump.path(fs.number(2))).orElse("/");
            if (!folder.equals("/")) {
                problems.add("process " + task.pid() + " has " + folder + " for its root (chroot)");
            }
        }
    }

    /** What {@link PlainRights} bounds must be where it bounds it: criu takes rights also from files of its older versions. */
    private void rights() {
        if (dump.files().names().stream().anyMatch(name -> name.startsWith("creds-"))) {
            problems.add("it has rights of processes in files of their own (creds-*.img), as only a criu older than 2 writes them");
        }
        for (PlainDump.Task task : dump.tasks()) {
            if (!task.threads().isEmpty() && !task.threads().contains(task.pid())) {
                problems.add("process " + task.pid() + " is not among its threads");
            }
            for (int thread : task.threads()) {
                boolean told = !dump.entries("core-" + thread + ".img").isEmpty() && dump.entries("core-" + thread + ".img").stream().allMatch(core -> core.has(THREAD) && core.message(THREAD).has(CREDENTIALS));
                if (!told) {
                    problems.add("core-" + thread + ".img does not say which rights the thread has");
                }
            }
        }
    }

    /** The processes keep the users that they had, and see the machine's own file system: criu, which is root, runs there. */
    private void sandbox(JobSpec spec) {
        if (!spec.getRootfs().isEmpty() || spec.getUid() != 0 || spec.getGid() != 0) {
            problems.add("its job can have no user and no root file system (rootfs) of its own: the dump says who its processes are");
        }
    }

    /** criu has noted its own namespaces: processes outside of any container have the same. */
    private void namespaces(PlainDump.Task task, CriuFile.Entry own) {
        for (CriuFile.Entry its : dump.entries("ids-" + task.pid() + ".img")) {
            NAMESPACES.forEach(
                    (field, name) -> {
                        if (its.has(field) && own.has(field) && its.number(field) != own.number(field)) {
                            problems.add("process " + task.pid() + " has a " + name + " namespace of its own: only processes outside of containers can come");
                        }
                    });
        }
    }

    private void descriptor(CriuFile.Entry entry) {
        int type = (int) entry.number(1);
        Optional.ofNullable(NOT_IN_A_SANDBOX.get(type)).ifPresent(what -> problems.add("it has " + what));
        if (type == PlainDump.REGULAR && entry.message(3).number(9) != 0) {
            problems.add("it has " + entry.message(3).text(6) + " open as something external (criu dump --external)");
        }
        if (type == UNIX && (entry.message(16).number(6) & EXTERNAL_SOCKET) != 0) {
            problems.add("it is connected to a unix socket of another program (criu dump --ext-unix-sk)");
        }
        if (type == INET) {
            socket(entry.message(4));
        }
    }

    private void socket(CriuFile.Entry socket) {
        if (dump.closesConnections() && socket.number(5) == TCP && socket.number(6) != LISTENING) {
            return;
        }
        if (!isHere(socket.numbers(11)) || !isHere(socket.numbers(12))) {
            problems.add("a socket of it is bound or connected to an address that no sandbox has (port " + socket.number(7) + "): there is only loopback");
        }
        if (socket.number(5) == TCP && socket.number(6) != LISTENING && socket.number(6) != CLOSED) {
            problems.add("it has a TCP connection (port " + socket.number(7) + "): have it close them, or dump it with --tcp-close");
        }
    }

    /** Nothing, any address, or loopback; words of 32 bits as they lay in memory, the address in network order. */
    private static boolean isHere(List<Long> words) {
        boolean any = words.stream().allMatch(word -> word == 0);
        boolean loopback4 = words.size() == 1 && (words.getFirst() & 0xff) == 127;
        boolean loopback6 = words.size() == 4 && words.subList(0, 3).stream().allMatch(word -> word == 0) && words.get(3) == 0x01000000L;
        return any || loopback4 || loopback6;
    }
}
