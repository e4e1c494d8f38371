package dev.ferry.cli.cluster;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** Short runs of the system's tools. */
final class Tool {
    private static final long SECONDS = 20;

    /** What a tool said. */
    record Said(int status, String text) {}

    private Tool() {}

    static Said run(String... command) {
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectInput(Path.of("/dev/null").toFile()).start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim();
            if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return new Said(-1, "no end within " + SECONDS + " s");
            }
            return new Said(process.exitValue(), text);
        } catch (IOException missing) {
            throw new FerryException(ErrorCode.TOOL_MISSING, command[0] + " can't be run: " + missing.getMessage(), missing);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "Interrupted while " + command[0] + " ran", interrupted);
        }
    }

    /** Runs a tool that must succeed. */
    static String must(String... command) {
        Said said = run(command);
        if (said.status() != 0) {
            throw new FerryException(ErrorCode.START_FAILED, "'" + String.join(" ", Arrays.asList(command)) + "' failed: " + said.text());
        }
        return said.text();
    }
}
