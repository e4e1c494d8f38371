package dev.ferry.node.criu;

import dev.ferry.common.FerryException;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.ErrorCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
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
    private static final Duration SOON = Duration.ofSeconds(20);

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
            String said = ask(candidate, "--version").text();
            Matcher version = VERSION.matcher(said);
            if (!version.find()) {
                seen.add(candidate + " does not tell its version, but '" + said.lines().findFirst().orElse("") + "'");
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
    public ToolProcess.Answer ask(String... arguments) {
        return ask(path, arguments);
    }

    private static ToolProcess.Answer ask(Path program, String... arguments) {
        return ToolProcess.ask(Stream.concat(Stream.of(program.toString()), Stream.of(arguments)).toList(), SOON);
    }
}
