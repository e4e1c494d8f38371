package dev.ferry.cli.bench;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.node.NodeConfig;
import dev.ferry.node.doctor.Check;
import dev.ferry.node.doctor.Doctor;
import dev.ferry.node.doctor.Machine;
import dev.ferry.node.sandbox.NativeHelper;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.NodeFacts;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The checks of a machine with GPUs: a coordinator and a node of this machine, real jobs, real operations. The report is written after each part, so that
 * a run that is cut off, or hangs in the driver, leaves what it saw.
 */
public final class GpuBench {
    // A call that takes longer is stuck; the run has minutes, where a node has time.
    private static final Map<String, String> PATIENT_WITH_REAL_ONES = Map.of("gpu", "{lockTimeout: 30s, callTimeout: 90s}");
    private static final Pattern OF_THE_DRIVER = Pattern.compile("NVRM|nvidia|Xid", Pattern.CASE_INSENSITIVE);
    private static final int KERNEL_LINES = 20;

    /**
     * What is wanted.
     *
     * @param folder for the store and everything else; it must not exist, and is removed at the end
     * @param out for the report
     * @param gpus what plays the GPUs, as `ferry up --gpus` takes it; empty: the machine's own
     * @param mebibytes of device memory of the C program on each of its GPUs
     * @param within how long it may take
     */
    public record Plan(Path folder, Path out, String gpus, int mebibytes, Duration within) {}

    private final Plan plan;
    private final PrintStream tell;
    private final TimeLimit limit;
    private final Map<String, String> machine = new LinkedHashMap<>();
    private final List<Check> doctor = new ArrayList<>();
    private final List<GpuReport.Refusal> refusals = new ArrayList<>();
    private final List<GpuReport.Trial> trials = new ArrayList<>();
    private Optional<GpuReport.Driver> driver = Optional.empty();

    private GpuBench(Plan plan, PrintStream tell) {
        this.plan = plan;
        this.tell = tell;
        limit = TimeLimit.of(plan.within());
    }

    /**
     * Does it all and cleans up. What does not work is part of the report, not an error.
     *
     * @param tell says what is being done
     */
    public static GpuReport run(Plan plan, PrintStream tell) throws IOException, InterruptedException {
        if (Files.exists(plan.folder())) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, plan.folder() + " exists; it is made and removed by the checks");
        }
        Files.createDirectories(plan.folder());
        GpuBench bench = new GpuBench(plan, tell);
        try {
            bench.machine();
            bench.checks();
            GpuReport report = bench.report(true);
            report.write(plan.out());
            return report;
        } finally {
            Bench.remove(plan.folder());
        }
    }

    private GpuReport report(boolean finished) throws IOException, InterruptedException {
        return new GpuReport(!plan.gpus().isEmpty(), finished, machine, doctor, refusals, trials, driver, plan.gpus().isEmpty() ? kernelLog() : List.of());
    }

    private void write() throws IOException, InterruptedException {
        report(false).write(plan.out());
    }

    private void machine() throws IOException {
        machine.put("date", Instant.now(Clock.systemUTC()).truncatedTo(ChronoUnit.SECONDS).toString());
        machine.put("system", Files.readAllLines(Path.of("/etc/os-release")).stream().filter(line -> line.startsWith("PRETTY_NAME=")).findFirst().map(line -> line.substring(line.indexOf('=') + 1).replace("\"", "")).orElse("unknown"));
        machine.put("kernel", Files.readString(Path.of("/proc/sys/kernel/osrelease")).trim());
        machine.put("CPUs", Integer.toString(Runtime.getRuntime().availableProcessors()));
        machine.put("memory", Sizes.format(Machine.resources().getMemoryBytes()));
    }

    private void checks() throws IOException, InterruptedException {
        tell.println("gpu: a coordinator and a node ...");
        Map<String, String> settings = plan.gpus().isEmpty() ? PATIENT_WITH_REAL_ONES : Map.of();
        try (FerrySide ferry = FerrySide.alone(plan.folder().resolve("cluster"), plan.gpus(), settings)) {
            tell.println("gpu: doctor ...");
            doctor.addAll(Doctor.run(Configs.load(ferry.cluster().nodeConfig(1), NodeConfig.defaults())));
            NodeFacts facts = ferry.firstNode().getFacts();
            gpus(facts);
            write();
            if (facts.getGpusCount() == 0) {
                refusals.add(
                        new GpuReport.Refusal(
                                ErrorCode.GPU_UNAVAILABLE.name(), "No GPU was found on this machine, so nothing was tried; the doctor says why", "with --gpus stand-in:2xH100 the same checks run on GPUs that a program plays", List.of()));
                return;
            }
            trials(ferry, facts.getGpusCount());
        } catch (FerryException failed) {
            refusals.add(GpuReport.Refusal.of(failed));
            if (doctor.isEmpty()) {
                String defaults = "data: \"" + plan.folder().resolve("doctor") + "\"\nstore: {url: \"file://" + plan.folder().resolve("doctor-store") + "\"}\n";
                doctor.addAll(Doctor.run(Configs.parse(defaults, "the checks' own configuration", NodeConfig.defaults())));
            }
        }
    }

    private void gpus(NodeFacts facts) {
        machine.put("Ferry", facts.getFerryVersion() + ", CRIU " + facts.getCriuVersion() + ", runc " + facts.getRuncVersion() + ", control groups " + facts.getCgroupLayout());
        machine.put("GPUs", facts.getGpuNote().isEmpty() ? "none" : facts.getGpuNote());
        for (Gpu gpu : facts.getGpusList()) {
            machine.put(gpu.getUuid(), gpu.getModel() + ", " + Sizes.format(gpu.getMemoryBytes()) + (gpu.getMig() ? ", MIG" : "") + (gpu.getSick().isEmpty() ? "" : ", " + gpu.getSick()));
        }
    }

    private void trials(FerrySide ferry, int gpus) throws IOException, InterruptedException {
        Path programs = Files.createDirectories(plan.folder().resolve("programs"));
        NativeHelper.installGpuCheck(programs.resolve(GpuProgram.CHECK));
        try (InputStream content = GpuBench.class.getResourceAsStream(GpuProgram.TRAINING)) {
            Files.copy(Objects.requireNonNull(content), programs.resolve(GpuProgram.TRAINING));
        }
        Map<String, String> bare = plan.gpus().isEmpty() ? Map.of() : ferry.cluster().gpus(1).environment();
        GpuProgram small = GpuProgram.driverApi(programs, 1, plan.mebibytes(), bare);
        trial(ferry, small);
        tell.println("gpu: the driver without Ferry ...");
        driver = Optional.of(DriverAlone.measure(small, plan.folder(), limit));
        write();
        TorchPython.Search python = TorchPython.search();
        if (python.found().isPresent()) {
            trial(ferry, GpuProgram.training(programs, python.found().get(), bare));
        } else {
            trials.add(GpuReport.Trial.notTried("PyTorch training", "not tried: " + python.why()));
        }
        if (gpus > 1) {
            trial(ferry, GpuProgram.driverApi(programs, 2, plan.mebibytes(), bare));
        }
    }

    private void trial(FerrySide ferry, GpuProgram program) throws IOException, InterruptedException {
        trials.add(new GpuTrial(ferry, program, plan.folder(), limit, tell).run());
        write();
    }

    /** Not on every machine may one read it. */
    private static List<String> kernelLog() throws IOException, InterruptedException {
        Process dmesg = new ProcessBuilder("dmesg").redirectErrorStream(true).redirectInput(Path.of("/dev/null").toFile()).start();
        List<String> lines = new String(dmesg.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().filter(line -> OF_THE_DRIVER.matcher(line).find()).toList();
        int status = dmesg.waitFor();
        return status == 0 ? lines.subList(Math.max(0, lines.size() - KERNEL_LINES), lines.size()) : List.of("dmesg ended with status " + status);
    }

    /** How long the checks may take when nobody says: what the kit promises, less its start and end. */
    public static Duration within() {
        return Durations.parse("7m");
    }
}
