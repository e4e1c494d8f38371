package dev.ferry.cli.cluster;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One process of Ferry (coordinator or node), started by the launcher, with its output in a file. */
public final class Part {
    private static final long LOOK_NANOS = 20_000_000;
    private static final int TAIL = 15;

    private final String name;
    private final Process process;
    private final Path log;
    private final long logBegin;
    private volatile boolean asked;

    private Part(String name, Process process, Path log, long logBegin) {
        this.name = name;
        this.process = process;
        this.log = log;
        this.logBegin = logBegin;
    }

    /**
     * @param before words before the launcher's, for example to enter a namespace
     */
    static Part start(String name, List<String> before, List<String> words, Path log) throws IOException {
        // In a session of its own: Ctrl-C in a terminal is for whoever started it, who ends the parts in order. The number of the process stays.
        List<String> command = new ArrayList<>(List.of("setsid"));
        command.addAll(before);
        command.addAll(launcher());
        command.addAll(words);
        long begin = Files.exists(log) ? Files.size(log) : 0;
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectInput(Path.of("/dev/null").toFile())
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                        .start();
        return new Part(name, process, log, begin);
    }

    private static List<String> launcher() {
        String launcher = System.getProperty("ferry.launcher");
        if (launcher != null) {
            return List.of(launcher);
        }
        return List.of(
                System.getProperty("java.home", "") + "/bin/java",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path", ""),
                "dev.ferry.cli.Main");
    }

    /**
     * Waits until the part says a line.
     *
     * @throws FerryException START_FAILED with the end of its output
     */
    Matcher await(Pattern line, Duration atMost) throws IOException {
        long end = System.nanoTime() + atMost.toNanos();
        while (true) {
            boolean alive = process.isAlive();
            Matcher found = line.matcher(output());
            if (found.find()) {
                return found;
            }
            if (!alive || System.nanoTime() > end) {
                List<String> lines = output().lines().toList();
                throw new FerryException(
                        ErrorCode.START_FAILED,
                        name + (alive ? " was not ready within " + atMost.toSeconds() + " s" : " ended with status " + process.exitValue()) + "; its output is in " + log,
                        lines.subList(Math.max(0, lines.size() - TAIL), lines.size()),
                        null);
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private String output() throws IOException {
        byte[] all = Files.readAllBytes(log);
        return new String(all, (int) logBegin, all.length - (int) logBegin, StandardCharsets.UTF_8);
    }

    String name() {
        return name;
    }

    /** The file that holds its output. */
    Path log() {
        return log;
    }

    /** Its exit status, once it has ended though neither {@link #kill} nor {@link #stop} asked it to. */
    CompletableFuture<Integer> endUnasked() {
        CompletableFuture<Integer> unasked = new CompletableFuture<>();
        var unused =
                process.onExit()
                        .thenAccept(
                                ended -> {
                                    if (!asked) {
                                        unasked.complete(ended.exitValue());
                                    }
                                });
        return unasked;
    }

    public long pid() {
        return process.pid();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** SIGKILL. */
    public void kill() {
        asked = true;
        process.destroyForcibly();
        awaitEnd(Duration.ofSeconds(10));
    }

    /** SIGTERM, and SIGKILL when that does not help. */
    void stop(Duration atMost) {
        asked = true;
        process.destroy();
        if (!awaitEnd(atMost)) {
            kill();
        }
    }

    private boolean awaitEnd(Duration atMost) {
        try {
            return process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return !process.isAlive();
        }
    }

    /** The largest part of main memory that the process ever had, in bytes; empty when it has ended. */
    public Optional<Long> peakMemory() {
        try {
            return Files.readAllLines(Path.of("/proc", Long.toString(pid()), "status")).stream()
                    .filter(line -> line.startsWith("VmHWM:"))
                    .map(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                    .findFirst();
        } catch (IOException ended) {
            return Optional.empty();
        }
    }
}
