package dev.ferry.node.sandbox;

import dev.ferry.node.posix.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;

/**
 * One run of a tool (runc, criu) with a deadline: killed when it is over, its output in a file.
 * Output never goes to a pipe of ours: a tool that outlives us must not die of it.
 */
public final class ToolProcess {
    private static final long KILL_SECONDS = 10;

    private final Process process;
    private final Path output;

    private ToolProcess(Process process, Path output) {
        this.process = process;
        this.output = output;
    }

    /**
     * @param output standard output and error
     */
    public static ToolProcess start(List<String> command, Path folder, Path output, Map<String, String> environment) throws IOException {
        return start(command, folder, Path.of("/dev/null"), output, environment);
    }

    /**
     * @param input standard input
     * @param output standard output and error
     */
    public static ToolProcess start(List<String> command, Path folder, Path input, Path output, Map<String, String> environment) throws IOException {
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .redirectInput(input.toFile())
                        .redirectOutput(output.toFile());
        builder.environment().putAll(environment);
        return new ToolProcess(builder.start(), output);
    }

    /** What one short run of a tool said. */
    public record Answer(int status, String text) {}

    /**
     * Runs a tool that only says something. Whatever it leaves behind is not waited for. What it says needs no disk: one that is full must not look
     * like a tool that says nothing.
     *
     * @return status -1: it could not be run, or was not done in time and was killed
     */
    public static Answer ask(List<String> command, Duration atMost) {
        try {
            int descriptor = Posix.memoryFile("ferry-tool");
            try {
                // Opened by us, before the tool is there.
                Path output = Path.of("/proc/self/fd/" + descriptor);
                int status = start(command, Path.of("/"), output, Map.of()).await(atMost);
                return new Answer(status, Files.readString(output, java.nio.charset.StandardCharsets.ISO_8859_1));
            } finally {
                Posix.close(descriptor);
            }
        } catch (IOException failed) {
            return new Answer(-1, failed.toString());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return new Answer(-1, "interrupted");
        }
    }

    public long pid() {
        return process.pid();
    }

    /**
     * Waits for the end.
     *
     * @return the exit status, or -1 when the deadline came first and the tool was killed
     */
    public int await(Duration atMost) throws InterruptedException {
        try {
            if (process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS)) {
                return process.exitValue();
            }
        } finally {
            if (process.isAlive()) {
                kill();
            }
        }
        return -1;
    }

    /**
     * Waits for the end, and leaves the tool alone when none comes, or when the thread is interrupted.
     *
     * @return the exit status; empty: the time is over
     */
    public OptionalInt awaitEnd(Duration atMost) throws InterruptedException {
        return process.waitFor(atMost.toNanos(), TimeUnit.NANOSECONDS) ? OptionalInt.of(process.exitValue()) : OptionalInt.empty();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** Kills the tool and waits until it is gone. */
    public void kill() throws InterruptedException {
        process.destroyForcibly();
        boolean ignored = process.waitFor(KILL_SECONDS, TimeUnit.SECONDS);
    }

    public List<String> outputLines() {
        try {
            return Files.readString(output, java.nio.charset.StandardCharsets.ISO_8859_1).lines().filter(line -> !line.isBlank()).toList();
        } catch (IOException gone) {
            return List.of();
        }
    }
}
