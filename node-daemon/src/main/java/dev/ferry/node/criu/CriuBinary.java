package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The criu program of this machine.
 *
 * @param version for example 4.2.1
 */
public record CriuBinary(Path path, String version) {
    private static final Pattern VERSION = Pattern.compile("Version: (\\d+)\\.(\\d+)(\\S*)");
    private static final int LEAST_MAJOR = 4;
    private static final int LEAST_MINOR = 2;
    private static final int SECONDS = 20;

    /** What one short run of criu said. */
    public record Answer(int status, String text) {}

    /**
     * Finds criu: the configured path, else the one that Ferry installed, else the PATH.
     *
     * @throws FerryException TOOL_MISSING when there is none or it is older than 4.2
     */
    public static CriuBinary find(@Nullable Path configured) {
        List<Path> candidates = configured != null ? List.of(configured) : candidates();
        List<String> seen = new ArrayList<>();
        for (Path candidate : candidates) {
            if (!Files.isExecutable(candidate)) {
                continue;
            }
            Matcher version = VERSION.matcher(ask(candidate, "--version").text());
            if (!version.find()) {
                seen.add(candidate + " does not tell its version");
                continue;
            }
            int major = Integer.parseInt(version.group(1));
            int minor = Integer.parseInt(version.group(2));
            if (major > LEAST_MAJOR || (major == LEAST_MAJOR && minor >= LEAST_MINOR)) {
                return new CriuBinary(candidate, major + "." + minor + version.group(3));
            }
            seen.add(candidate + " is " + major + "." + minor);
        }
        throw new FerryException(
                ErrorCode.TOOL_MISSING,
                "CRIU 4.2 or newer was not found" + (seen.isEmpty() ? " (looked for " + candidates + ")" : ": " + String.join(", ", seen)) + "; `ferry setup` installs it");
    }

    private static List<Path> candidates() {
        List<Path> candidates = new ArrayList<>();
        String tools = System.getenv().getOrDefault("FERRY_TOOLS", "/var/lib/ferry/tools");
        candidates.add(Path.of(tools, "criu", "bin", "criu"));
        for (String folder : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            if (!folder.isEmpty()) {
                candidates.add(Path.of(folder, "criu"));
            }
        }
        candidates.add(Path.of("/usr/sbin/criu"));
        return candidates;
    }

    /** One short run, for example {@code check} or {@code check --feature mem_dirty_track}. */
    public Answer ask(String... arguments) {
        return ask(path, arguments);
    }

    private static Answer ask(Path program, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(program.toString());
        command.addAll(List.of(arguments));
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectInput(Path.of("/dev/null").toFile()).start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
            if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return new Answer(-1, text);
            }
            return new Answer(process.exitValue(), text);
        } catch (IOException failed) {
            return new Answer(-1, failed.toString());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return new Answer(-1, "interrupted");
        }
    }

}
