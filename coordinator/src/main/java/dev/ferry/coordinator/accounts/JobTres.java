package dev.ferry.coordinator.accounts;

import dev.ferry.coordinator.placement.Usage;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Resources;
import dev.ferry.scheduling.tres.Tres;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What a job asks for, in Slurm's terms. */
public final class JobTres {
    private static final long MEBI = 1L << 20;
    private static final long MILLIS = 1000;

    private JobTres() {}

    /** CPUs and MiB are rounded up; GPUs of a model that was asked for count as gres/gpu:model too. */
    public static Tres of(JobSpec spec) {
        Resources wanted = Usage.wanted(spec);
        Map<String, Long> amounts = new TreeMap<>();
        amounts.put(Tres.CPU, Math.ceilDiv(wanted.getCpuMillis(), MILLIS));
        amounts.put(Tres.MEMORY, Math.ceilDiv(wanted.getMemoryBytes(), MEBI));
        amounts.put(Tres.NODE, 1L);
        if (wanted.getGpus() > 0) {
            amounts.put(Tres.GPU, (long) wanted.getGpus());
            if (!spec.getGpuModel().isEmpty()) {
                amounts.put(Tres.GPU + ":" + spec.getGpuModel().toLowerCase(Locale.ROOT), (long) wanted.getGpus());
            }
        }
        return Tres.of(amounts);
    }
}
