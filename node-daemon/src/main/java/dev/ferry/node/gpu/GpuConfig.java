package dev.ferry.node.gpu;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What a node's configuration says of its GPUs.
 *
 * @param library libcuda.so.1, by name or path
 * @param nvml libnvidia-ml.so.1, by name or path
 * @param program path of cuda-checkpoint, for drivers before 570
 * @param standIn folder of a stand-in's devices; empty: real ones
 * @param lockTimeout how long a job's processes may take to finish what they gave to the GPU
 * @param callTimeout after how long a call of the driver that has not come back marks the job as stuck
 * @param cdi folders of CDI specifications; of a device that two describe, the last counts
 * @param sampleEvery how often it is looked what jobs do with their GPUs; 0: never
 */
public record GpuConfig(String library, String nvml, String program, String standIn, String lockTimeout, String callTimeout, String sampleEvery, List<String> cdi) implements Configs.Checked {
    public GpuConfig {
        cdi = List.copyOf(cdi);
    }

    private static final Duration SHORTEST_SAMPLE = Duration.ofMillis(100);

    public static GpuConfig defaults() {
        return new GpuConfig("libcuda.so.1", "libnvidia-ml.so.1", "/usr/bin/cuda-checkpoint", "", "30s", "5m", "5s", List.of("/etc/cdi", "/var/run/cdi"));
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (library.isBlank() || nvml.isBlank()) {
            problems.add("library, nvml: must be the name or the path of a library");
        }
        if (!standIn.isEmpty() && !standIn.startsWith("/")) {
            problems.add("standIn: '" + standIn + "' must be an absolute path");
        }
        for (String time : List.of(lockTimeout, callTimeout)) {
            try {
                if (Durations.parse(time).isZero()) {
                    problems.add("lockTimeout, callTimeout: must not be zero");
                }
            } catch (FerryException wrong) {
                problems.add("lockTimeout, callTimeout: " + wrong.getMessage());
            }
        }
        try {
            Duration every = Durations.parse(sampleEvery);
            if (!every.isZero() && every.compareTo(SHORTEST_SAMPLE) < 0) {
                problems.add("sampleEvery: must be 0s or " + Durations.format(SHORTEST_SAMPLE) + " or more");
            }
        } catch (FerryException wrong) {
            problems.add("sampleEvery: " + wrong.getMessage());
        }
        if (cdi.stream().anyMatch(folder -> !folder.startsWith("/"))) {
            problems.add("cdi: must be absolute paths of folders");
        }
        return problems;
    }
}
