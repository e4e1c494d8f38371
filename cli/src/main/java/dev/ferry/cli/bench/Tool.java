package dev.ferry.cli.bench;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs of the peers' programs, which must succeed. */
final class Tool {
    static final Duration LONG = Duration.ofMinutes(10);

    private Tool() {}

    static String run(List<String> command) throws IOException, InterruptedException {
        return run(command, Map.of());
    }

    /**
     * @param environment what is set beside the own environment
     * @return what it said
     * @throws FerryException INTERNAL when it failed, DEADLINE_EXCEEDED
     */
    static String run(List<String> command, Map<String, String> environment) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectInput(Path.of("/dev/null").toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim();
        if (!process.waitFor(LONG.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, "'" + String.join(" ", command) + "' did not end within " + LONG.toMinutes() + " min");
        }
        if (process.exitValue() != 0) {
            throw new FerryException(ErrorCode.INTERNAL, "'" + String.join(" ", command) + "' ended with status " + process.exitValue() + ": " + said);
        }
        return said;
    }
}
