package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.node.gpu.GpuDevice;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.JobJournal;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks again and again at what running jobs do with their GPUs, and tells the coordinator. A job that is being saved, parked or brought back is left out: its GPUs may be another's by then. What was
 * seen and could not be told, because there was no link, is told with what is seen next; a daemon that ends takes at most that with it.
 *
 * <p>This counts what GPUs did. What a job is billed for are the GPUs that it had, and counted by the coordinator: NVML shows nothing of a job that waits with its memory in main memory.
 */
public final class GpuMeter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GpuMeter.class);
    private static final int PERCENT = 100;

    private final JobRegistry registry;
    private final NodeContext context;
    private final Duration every;
    private final Map<String, Seen> seen = new HashMap<>();
    private final CountDownLatch closing = new CountDownLatch(1);
    private String trouble = "";

    /**
     * What was seen of one life.
     *
     * @param at of the last look, on the monotonic clock
     * @param untold what the coordinator does not know yet
     */
    private record Seen(long incarnation, List<String> gpus, long at, GpuSample untold) {}

    /**
     * @param every how often is looked; a gap of more than twice that counts as twice that
     */
    public GpuMeter(JobRegistry registry, NodeContext context, Duration every) {
        this.registry = registry;
        this.context = context;
        this.every = every;
    }

    /** Begins to look, where there is something to see. */
    public static Optional<GpuMeter> start(JobRegistry registry, NodeContext context) {
        Optional<GpuMeter> meter = context.gpu().sampleEvery().map(every -> new GpuMeter(registry, context, every));
        meter.ifPresent(one -> Thread.ofPlatform().daemon().name("gpu meter").start(one::loop));
        return meter;
    }

    private void loop() {
        try {
            while (!closing.await(every.toMillis(), TimeUnit.MILLISECONDS)) {
                try {
                    look();
                    trouble = "";
                } catch (IOException | FerryException failed) {
                    complain(String.valueOf(failed.getMessage()));
                } catch (RuntimeException | Error failed) {
                    // Of the link to the coordinator, say: the next look must come all the same.
                    LOG.error("a look at what jobs do with their GPUs went wrong", failed);
                }
            }
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    /** The same trouble once, not at every look. */
    private void complain(String now) {
        if (!now.equals(trouble)) {
            LOG.warn("what jobs do with their GPUs can't be seen: {}", now);
            trouble = now;
        }
    }

    /**
     * Looks once.
     *
     * @throws FerryException GPU_UNAVAILABLE
     */
    public void look() throws IOException, InterruptedException {
        List<LocalJob> jobs = registry.computing();
        seen.keySet().retainAll(jobs.stream().map(LocalJob::id).toList());
        if (jobs.isEmpty()) {
            return;
        }
        List<GpuDevice> devices = context.gpu().devices();
        long now = System.nanoTime();
        for (LocalJob job : jobs) {
            look(job, devices, now);
        }
    }

    private void look(LocalJob job, List<GpuDevice> devices, long now) throws IOException {
        JobJournal record = job.record();
        Optional<Seen> before = Optional.ofNullable(seen.get(job.id())).filter(last -> last.incarnation() == record.getIncarnation() && last.gpus().equals(record.getGpusList()));
        GpuSample.Builder sample = before.map(last -> last.untold().toBuilder()).orElseGet(() -> GpuSample.newBuilder().setJob(job.id()).setIncarnation(record.getIncarnation()));
        // Only between two looks is it known that the job had its GPUs all the time.
        long millis = before.map(last -> Math.min(TimeUnit.NANOSECONDS.toMillis(now - last.at()), 2 * every.toMillis())).orElse(0L);
        Set<Integer> processes = Set.copyOf(job.cgroup().processes());
        long bytes = 0;
        for (GpuDevice device : devices) {
            if (record.getGpusList().contains(device.uuid())) {
                bytes += device.heldBy(processes);
                sample.setSampledMillis(sample.getSampledMillis() + millis);
                sample.setBusyMillis(sample.getBusyMillis() + millis * Math.clamp(device.load(), 0, PERCENT) / PERCENT);
            }
        }
        sample.setPeakBytes(Math.max(sample.getPeakBytes(), bytes));
        GpuSample whole = sample.build();
        boolean told = (whole.getPeakBytes() > 0 || whole.getSampledMillis() > 0) && context.outbox().sample(whole);
        // The peak is told anew each time: the coordinator takes the highest.
        GpuSample untold = told ? whole.toBuilder().clearSampledMillis().clearBusyMillis().build() : whole;
        seen.put(job.id(), new Seen(record.getIncarnation(), List.copyOf(record.getGpusList()), now, untold));
    }

    @Override
    public void close() {
        closing.countDown();
    }
}
