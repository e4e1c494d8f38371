package dev.ferry.node.posix;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** Files of /proc/PID that a process can make as long as it likes; who reads them needs little memory all the same. */
public final class ProcText {
    private static final int MOST_BYTES = 1 << 20;
    /** More than a line of maps has before its path (proc_pid_maps(5)), and the begin of that. */
    private static final int MOST_OF_A_LINE = 256;

    private ProcText() {}

    /** The first MiB of a file, byte by byte as Latin-1: of an environment more than who starts programs gives them. */
    public static String begin(Path file) throws IOException {
        try (InputStream content = Files.newInputStream(file)) {
            return new String(content.readNBytes(MOST_BYTES), StandardCharsets.ISO_8859_1);
        }
    }

    /**
     * Hands over one line after the other, of each the begin.
     *
     * @param each is given at least the first 256 bytes, as Latin-1
     */
    public static void lines(Path file, Consumer<String> each) throws IOException {
        try (BufferedReader content = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
            StringBuilder line = new StringBuilder();
            for (int next = content.read(); next >= 0; next = content.read()) {
                if (next == '\n') {
                    each.accept(line.toString());
                    line.setLength(0);
                } else if (line.length() < MOST_OF_A_LINE) {
                    line.append((char) next);
                }
            }
            if (!line.isEmpty()) {
                each.accept(line.toString());
            }
        }
    }
}
