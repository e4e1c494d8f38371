package dev.ferry.node.notices;

import dev.ferry.node.sandbox.ToolProcess;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What a program of the system says, asked again and again. */
final class CommandOutput {
    private static final Duration LONGEST = Duration.ofSeconds(10);
    private static final int MOST_BYTES = 64 << 10;

    private CommandOutput() {}

    /**
     * Runs a program.
     *
     * @return what it wrote, at most 64 KiB of it
     * @throws IOException when it can't be run, does not end within 10 s, or ends with another status than 0, with its last line
     */
    static String of(List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile("ferry-notices-", "");
        try {
            ToolProcess process = ToolProcess.start(command, Path.of("/"), output, Map.of("LC_ALL", "C"));
            int status = process.await(LONGEST);
            if (status != 0) {
                List<String> lines = process.outputLines();
                throw new IOException(command.getFirst() + (status == -1 ? " does not end" : " ends with status " + status) + (lines.isEmpty() ? "" : ": " + lines.getLast()));
            }
            try (InputStream said = Files.newInputStream(output)) {
                return new String(said.readNBytes(MOST_BYTES), StandardCharsets.UTF_8);
            }
        } finally {
            Files.delete(output);
        }
    }
}
