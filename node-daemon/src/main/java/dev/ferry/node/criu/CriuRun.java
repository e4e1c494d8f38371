package dev.ferry.node.criu;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What the command lines of a dump and of a restore have in common. */
final class CriuRun {
    /** How long our own threads may take to see the end of their pipes once criu is gone. */
    static final Duration PIPES_END = Duration.ofSeconds(20);

    private CriuRun() {}

    /**
     * @param folder where the socket and the log of this run lie
     */
    static List<String> command(CriuBinary criu, String verb, Path folder, Path root) {
        List<String> command = new ArrayList<>(List.of(criu.path().toString(), verb, "--stream"));
        command.addAll(List.of("--images-dir", folder.toString(), "--log-file", verb + ".log", "-v3", "--display-stats"));
        command.addAll(List.of("--root", root.toString()));
        // The daemon makes and removes control groups itself, and no plugin may act on its own.
        command.addAll(List.of("--manage-cgroups=ignore", "--libdir", folder.toString()));
        // The job's network namespace has nothing but loopback: a restore makes it anew (ferry-network), which takes
        // a tenth of a second less at each end. What must be locked out, NetworkLock and ferry-network do: CRIU's own
        // lock by nftables comes back from the image, and not at all from one that is a stream.
        command.addAll(List.of("--empty-ns", "net", "--network-lock", "skip"));
        command.addAll(List.of("--tcp-established", "--file-locks", "--link-remap", "--ghost-limit", "1073741824"));
        return command;
    }
}
