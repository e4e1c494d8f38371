package dev.ferry.cli.chaos;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The criu processes of a cluster on this machine, told by their command lines. */
public final class CriuProcesses {
    /** Beside criu's log for as long as it waits for the daemon's word and has touched nothing. */
    private static final String GATE = "gate.sock";

    private CriuProcesses() {}

    /**
     * One that has begun with its job.
     *
     * @param verb dump or restore
     * @param folder of the cluster
     * @return empty: there is none at the moment
     */
    public static Optional<ProcessHandle> working(String verb, Path folder) {
        return ProcessHandle.allProcesses().filter(process -> isWorking(process.pid(), verb, folder)).findFirst();
    }

    private static boolean isWorking(long pid, String verb, Path folder) {
        try {
            String command = Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1);
            if (!command.contains("criu\0" + verb + "\0") || !command.contains(folder.toString())) {
                return false;
            }
            List<String> words = List.of(command.split("\0"));
            int images = words.indexOf("--images-dir");
            return images > 0 && images + 1 < words.size() && !Files.exists(Path.of(words.get(images + 1), GATE));
        } catch (IOException ended) {
            return false;
        }
    }
}
