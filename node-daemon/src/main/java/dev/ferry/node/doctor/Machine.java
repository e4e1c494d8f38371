package dev.ferry.node.doctor;

import dev.ferry.common.FerryException;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.node.gpu.GpuNode;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Resources;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** What this machine is and has. */
public final class Machine {
    // Instructions that a program may use; the other flags tell of the kernel and of the machine's model.
    private static final Pattern INSTRUCTIONS =
            Pattern.compile(
                    "mmx|fxsr|sse.*|ssse3|pni|cx8|cx16|cmov|popcnt|abm|lahf_lm|movbe|avx.*|fma|f16c|bmi[12]|adx|aes|vaes|pclmulqdq|vpclmulqdq|sha_ni|"
                            + "rdrand|rdseed|erms|fsrm|gfni|xsave.*|fsgsbase|invpcid|rdpid|clflush.*|clwb|amx.*|serialize|movdir.*|pku|ospke|"
                            + "asimd.*|fp|crc32|atomics|sve.*|pmull|sha[0-9]+");
    private static final Duration SOON = Duration.ofSeconds(10);

    private Machine() {}

    public static boolean isRoot() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream().anyMatch(line -> line.matches("Uid:\\s+\\d+\\s+0\\s.*"));
    }

    public static Resources resources() {
        return Resources.newBuilder()
                .setCpuMillis(Runtime.getRuntime().availableProcessors() * 1000L)
                .setMemoryBytes(memory())
                .build();
    }

    private static long memory() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
                if (line.startsWith("MemTotal:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
                }
            }
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.INTERNAL, "/proc/meminfo can't be read: " + unreadable, unreadable);
        }
        throw new FerryException(ErrorCode.INTERNAL, "/proc/meminfo has no MemTotal");
    }

    /**
     * @param configured path of the program, or empty
     * @throws FerryException TOOL_MISSING
     */
    public static Path findRunc(String configured) {
        // Where Ferry brought tools of its own (the kit for machines with GPUs does), they are meant.
        String brought = System.getenv().getOrDefault("FERRY_TOOLS", "/var/lib/ferry/tools") + "/runc/bin/runc";
        List<String> candidates = configured.isEmpty() ? List.of(brought, "/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc") : List.of(configured);
        return candidates.stream()
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new FerryException(ErrorCode.TOOL_MISSING, "runc is not installed; looked at " + String.join(", ", candidates)));
    }

    public static NodeFacts facts(CgroupLayout layout, CriuBinary criu, Path runc, GpuNode gpu) throws IOException {
        String cpu = Files.readString(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1);
        NodeFacts.Builder facts =
                NodeFacts.newBuilder()
                        .setKernel(Files.readString(Path.of("/proc/sys/kernel/osrelease")).trim())
                        .setArchitecture(System.getProperty("os.arch", "unknown"))
                        .setCpuModel(field(cpu, "model name"))
                        .addAllCpuFeatures(cpuFeatures(cpu))
                        .setCriuVersion(criu.version())
                        .setRuncVersion(firstLine(run(runc.toString(), "--version")).replace("runc version ", ""))
                        .setCgroupLayout(layout.kind())
                        .setFerryVersion(version())
                        .setHostName(hostName());
        gpu.addTo(facts);
        return facts.build();
    }

    /** The processor's instruction sets, sorted. */
    static List<String> cpuFeatures(String cpuinfo) {
        String flags = field(cpuinfo, "flags");
        if (flags.isEmpty()) {
            flags = field(cpuinfo, "Features");
        }
        return Pattern.compile("\\s+").splitAsStream(flags).filter(flag -> INSTRUCTIONS.matcher(flag).matches()).sorted().toList();
    }

    private static String field(String cpuinfo, String name) {
        return cpuinfo.lines().filter(line -> line.startsWith(name)).findFirst().map(line -> line.substring(line.indexOf(':') + 1).trim()).orElse("");
    }

    private static String version() {
        return Optional.ofNullable(Machine.class.getPackage().getImplementationVersion()).orElse("development");
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException nameless) {
            return "";
        }
    }

    /** Output of a short run of a tool, or why there is none. */
    static String run(String... command) {
        return ToolProcess.ask(List.of(command), SOON).text();
    }

    private static String firstLine(String text) {
        return text.lines().findFirst().orElse("");
    }

    /** A folder, or, if it is not made yet, the nearest above it that is. */
    public static Path nearestFolder(Path folder) {
        Path there = folder.toAbsolutePath();
        while (!Files.isDirectory(there) && there.getParent() != null) {
            there = there.getParent();
        }
        return there;
    }
}
