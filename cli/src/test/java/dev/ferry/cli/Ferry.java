package dev.ferry.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The command as a user gives it. */
public final class Ferry {
    private static final long PATIENCE_SECONDS = 60;

    private Ferry() {}

    /** What it said, and its exit status. */
    public record Said(int status, String out, String error) {}

    /** In this process. */
    public static Said ferry(String... words) {
        return ferry(new ByteArrayOutputStream(), new ByteArrayOutputStream(), words);
    }

    /** In this process; what it says can be read while it goes on. */
    public static Said ferry(ByteArrayOutputStream caughtOut, ByteArrayOutputStream caughtError, String... words) {
        PrintStream out = System.out;
        PrintStream error = System.err;
        System.setOut(new PrintStream(caughtOut, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(caughtError, true, StandardCharsets.UTF_8));
        try {
            int status = Main.commandLine().execute(words);
            return new Said(status, caughtOut.toString(StandardCharsets.UTF_8), caughtError.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(error);
        }
    }

    /** In a process of its own, with its standard output in a file or device. */
    public static Said into(Path file, String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(Arrays.asList(words));
        Path error = Files.createTempFile("ferry-said-", ".txt");
        try {
            Process process = new ProcessBuilder(command).redirectOutput(file.toFile()).redirectError(error.toFile()).start();
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError(command + " does not end: " + Files.readString(error));
            }
            return new Said(process.exitValue(), "", Files.readString(error));
        } finally {
            Files.delete(error);
        }
    }
}
