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
        // Every connection of the job ends inside its own network namespace, whose processes all stand
        // still: nothing needs to be locked out, and a criu that is killed leaves no firewall rule behind.
        command.addAll(List.of("--network-lock", "skip"));
        command.addAll(List.of("--tcp-established", "--file-locks", "--link-remap", "--ghost-limit", "1073741824"));
        return command;
    }
}
