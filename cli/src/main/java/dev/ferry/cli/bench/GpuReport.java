package dev.ferry.cli.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.node.doctor.Check;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a machine with GPUs was seen to do, as far as the run has come.
 *
 * @param standIn a program played the GPUs: no figure is one of a GPU
 * @param finished false: the run is under way, or was cut off
 * @param machine what it is, for people
 * @param refusals what kept the run from beginning; else empty
 * @param driver what Ferry's times are compared with
 * @param kernel last lines of the kernel's log that name the driver
 */
public record GpuReport(
        boolean standIn, boolean finished, Map<String, String> machine, List<Check> doctor, List<Refusal> refusals, List<Trial> trials, Optional<Driver> driver, List<String> kernel) {
    static final String LOCK = "lock";
    static final String TO_HOST = "device to host";
    static final String TO_DEVICE = "host to device";
    static final String UNLOCK = "unlock";
    static final String WHOLE = "all";
    /** The parts of what is done to a job, in their order. */
    static final List<String> PARTS = List.of(LOCK, TO_HOST, "freeze", "dump", "store", "restore", "thaw", TO_DEVICE, UNLOCK, WHOLE);

    private static final ObjectMapper JSON = new ObjectMapper();

    public GpuReport {
        machine = new LinkedHashMap<>(machine);
        doctor = List.copyOf(doctor);
        refusals = List.copyOf(refusals);
        trials = List.copyOf(trials);
        kernel = List.copyOf(kernel);
    }

    /** How something came out. */
    public enum Verdict {
        WORKS,
        /** What came out is not what comes out without Ferry. */
        DIFFERS,
        /** Something was refused; the refusal says by whom and why. */
        REFUSED,
        NOT_TRIED
    }

    /**
     * An error in the words of whoever refused.
     *
     * @param evidence decisive lines of a log
     */
    public record Refusal(String code, String message, String advice, List<String> evidence) {
        public Refusal {
            evidence = List.copyOf(evidence);
        }

        static Refusal of(FerryException failure) {
            return new Refusal(failure.code().name(), String.valueOf(failure.getMessage()), failure.advice(), failure.detail().getEvidenceList());
        }
    }

    /**
     * Something that was done to a job.
     *
     * @param milliseconds by part; those that there are of {@link #PARTS}
     * @param driverBytes device memory that the driver counted
     * @param note why it was not tried
     */
    public record Act(String name, Verdict verdict, Map<String, Double> milliseconds, long driverBytes, String note, @Nullable Refusal refusal) {
        public Act {
            milliseconds = new LinkedHashMap<>(milliseconds);
        }

        static Act done(String name, Map<String, Double> milliseconds, long driverBytes) {
            return new Act(name, Verdict.WORKS, milliseconds, driverBytes, "", null);
        }

        static Act refused(String name, Refusal refusal) {
            return new Act(name, Verdict.REFUSED, Map.of(), 0, "", refusal);
        }

        static Act notTried(String name, String note) {
            return new Act(name, Verdict.NOT_TRIED, Map.of(), 0, note, null);
        }
    }

    /**
     * One program with all that was done to it.
     *
     * @param deviceBytes that it works on
     * @param compared what the comparison with an uninterrupted run says
     */
    public record Trial(String program, Verdict verdict, long deviceBytes, List<Act> acts, String compared, List<Refusal> refusals) {
        public Trial {
            acts = List.copyOf(acts);
            refusals = List.copyOf(refusals);
        }

        static Trial notTried(String program, String why) {
            return new Trial(program, Verdict.NOT_TRIED, 0, List.of(), why, List.of());
        }
    }

    /**
     * The driver without Ferry.
     *
     * @param deviceBytes that were copied, and that the process worked on
     * @param gigabytesPerSecond of copies between a device and pinned memory: h2d, d2h
     * @param milliseconds of each call: lock, checkpoint, restore, unlock
     */
    public record Driver(long deviceBytes, Map<String, List<Double>> gigabytesPerSecond, Map<String, List<Double>> milliseconds, List<Refusal> refusals) {
        public Driver {
            gigabytesPerSecond = new LinkedHashMap<>(gigabytesPerSecond);
            milliseconds = new LinkedHashMap<>(milliseconds);
            refusals = List.copyOf(refusals);
        }
    }

    /** Whether everything that could be tried here works, and something was tried. */
    public boolean good() {
        return finished
                && refusals.isEmpty()
                && doctor.stream().noneMatch(check -> check.status() == Check.Status.MISSING)
                && trials.stream().anyMatch(trial -> trial.verdict() == Verdict.WORKS)
                && trials.stream().noneMatch(trial -> trial.verdict() == Verdict.DIFFERS || trial.verdict() == Verdict.REFUSED)
                && driver.map(alone -> alone.refusals().isEmpty()).orElse(true);
    }

    /** For programs. */
    public String json() {
        try {
            Map<String, Object> all = new LinkedHashMap<>();
            all.put("gpu", standIn ? "stand-in" : "real");
            all.put("good", good());
            all.put("finished", finished);
            all.put("machine", machine);
            all.put("doctor", doctor);
            all.put("refusals", refusals);
            all.put("trials", trials);
            driver.ifPresent(alone -> all.put("driver", alone));
            all.put("kernel", kernel);
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(all);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** For people. */
    public String text() {
        return new GpuReportText(this).text();
    }

    /** Writes both forms into a folder, each whole or not at all. */
    void write(Path folder) throws IOException {
        Files.createDirectories(folder);
        DurableFile.write(folder.resolve("report.json"), (json() + "\n").getBytes(StandardCharsets.UTF_8));
        DurableFile.write(folder.resolve("report.md"), text().getBytes(StandardCharsets.UTF_8));
    }
}
