package dev.ferry.chaos.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Runs Spin on the model: spin makes a C program, gcc compiles it, and it walks through all states. */
final class ModelChecker {
    private static final Duration AT_MOST = Duration.ofMinutes(3);
    private static final int MOST_MEGABYTES = 2048;
    private static final Pattern ERRORS = Pattern.compile("errors: (\\d+)");
    private static final Pattern STATES = Pattern.compile("([0-9.e+]+) states, stored");
    private static final Pattern VIOLATION = Pattern.compile("pan:\\d+: (.*?) \\(at depth");

    private final Path folder;

    /**
     * @param folder for what is made; is the caller's
     */
    ModelChecker(Path folder) {
        this.folder = folder;
    }

    /** Where the model lies in the sources. */
    static Path sources() {
        return Path.of("src/test/promela").toAbsolutePath();
    }

    /**
     * What was found.
     *
     * @param complete whether every state was seen: neither depth nor memory was used up
     * @param violation what does not hold; empty: all does
     * @param text what the program said
     */
    record Verdict(int errors, long states, boolean complete, String violation, String text) {}

    /** Walks through all states of the model, up to the first that must not be. */
    Verdict check(List<String> switches) throws IOException, InterruptedException {
        try (var files = Files.list(sources())) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
        List<String> spin = new ArrayList<>(List.of("spin"));
        switches.forEach(name -> spin.add("-D" + name));
        spin.addAll(List.of("-a", "ferry.pml"));
        run(spin);
        // Not optimized: gcc would take longer for that than the walk gains.
        run(List.of("gcc", "-O0", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=" + MOST_MEGABYTES, "-o", "pan", "pan.c"));
        return verdict(run(List.of("./pan", "-m50000")));
    }

    static Verdict verdict(String text) {
        Matcher violation = VIOLATION.matcher(text);
        boolean complete = !text.contains("Search not completed") && !text.contains("max search depth too small") && !text.contains("out of memory");
        return new Verdict(Integer.parseInt(one(ERRORS, text)), (long) Double.parseDouble(one(STATES, text)), complete, violation.find() ? violation.group(1) : "", text);
    }

    private static String one(Pattern pattern, String text) {
        Matcher found = pattern.matcher(text);
        if (!found.find()) {
            throw new IllegalStateException("pan did not end as it should:\n" + text);
        }
        return found.group(1);
    }

    /** A program that is not there, or fails, fails the test: tools/setup.sh installs it. */
    private String run(List<String> command) throws IOException, InterruptedException {
        Path output = folder.resolve("output");
        Process process = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        try {
            if (!process.waitFor(AT_MOST.toSeconds(), TimeUnit.SECONDS)) {
                throw new IllegalStateException(command + " did not end within " + AT_MOST.toSeconds() + " s:\n" + Files.readString(output));
            }
        } finally {
            process.destroyForcibly().waitFor();
        }
        if (process.exitValue() != 0) {
            throw new IllegalStateException(command + " ended with " + process.exitValue() + ":\n" + Files.readString(output));
        }
        return Files.readString(output);
    }
}
