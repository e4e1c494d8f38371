package dev.ferry.coordinator.accounts;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Qos;
import dev.ferry.scheduling.tres.TresWeights;
import dev.ferry.scheduling.usage.Extended;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts what jobs use. A job's time counts while it runs; what it takes to save, move and bring it back does not: from the begin of the step that freezes it to the end of the one that lets it go on.
 * Those times are in the records of jobs and operations, so that it does not matter when somebody looks, or which coordinator.
 *
 * <p>As in Slurm whole seconds are billed: the rest of each look is carried to the next.
 */
public final class Metering {
    private static final long MILLIS = 1000;
    private static final long MICROS = 1000;
    private static final long MEBI = 1L << 20;
    private static final Logger LOG = LoggerFactory.getLogger(Metering.class);
    /** Live jobs of which it was said that they can't be billed. */
    private static final Set<String> UNBILLED = ConcurrentHashMap.newKeySet();

    private final Transaction state;
    private final SchedulingConfig config;
    private final AccountBook book;
    private final Map<String, JobUse> before;
    /** Written once for all jobs, in a transaction that everybody waits for. */
    private final List<JobUse> changed = new ArrayList<>();
    private final Map<String, Extended> used = new LinkedHashMap<>();
    private final Map<String, Node> nodes = new HashMap<>();

    private Metering(Transaction state, SchedulingConfig config) {
        this.state = state;
        this.config = config;
        book = AccountBook.read(state);
        before = open(state);
    }

    /**
     * Looks at all jobs.
     *
     * @param tick whether use decays now and that of running jobs is billed; else only that of those that run no more, or were saved
     */
    public static void look(Transaction state, SchedulingConfig config, boolean tick) {
        if (tick) {
            UsageLedger.tick(state, config);
        }
        Metering metering = new Metering(state, config);
        for (Job job : state.liveJobs()) {
            metering.look(job, tick);
        }
        // What is left has ended since.
        for (String job : List.copyOf(metering.before.keySet())) {
            state.job(job).ifPresent(ended -> metering.look(ended, tick));
        }
        metering.write();
    }

    /**
     * The wall clock has stepped: until when all is counted steps along, so that nobody is billed for time that did not pass, or not for time that did.
     *
     * @param millis below 0: it was set back
     */
    public static void step(Transaction state, long millis) {
        UsageLedger.step(state, millis);
        List<JobUse> stepped = new ArrayList<>();
        for (JobUse use : open(state).values()) {
            JobUse.Builder next = use.toBuilder().setRungUntil(use.getRungUntil() + millis);
            if (use.getCountedUntil() > 0) {
                next.setCountedUntil(use.getCountedUntil() + millis).setRunningSince(use.getRunningSince() + millis);
            }
            stepped.add(next.build());
        }
        state.putAll(AccountKinds.JOB_USE, stepped);
    }

    /** Whether the key of a change is that of what a job has used. */
    public static boolean isCount(String key) {
        return key.startsWith(AccountKinds.JOB_USE.changeKey(""));
    }

    /** What the jobs that have not ended have used, by job. */
    public static Map<String, JobUse> open(Transaction state) {
        Map<String, JobUse> uses = new HashMap<>();
        state.records(AccountKinds.JOB_USE, RecordQuery.of("open")).forEach(use -> uses.put(use.getJob(), use));
        return uses;
    }

    /** What a job has used, as far as it was counted. */
    public static JobUse use(Transaction state, String job) {
        return state.record(AccountKinds.JOB_USE, job).orElse(JobUse.getDefaultInstance());
    }

    /** Whether nothing of what a job has used is still to be billed. */
    public static boolean isCounted(Transaction state, String job) {
        return use(state, job).getCountedUntil() == 0;
    }

    /** The job is gone; what it has used stays billed. */
    public static void forget(Transaction state, String job) {
        UNBILLED.remove(job);
        state.delete(AccountKinds.JOB_USE, job);
    }

    private void write() {
        state.putAll(AccountKinds.JOB_USE, changed);
        used.forEach((association, use) -> UsageLedger.write(state, association, use));
    }

    private void look(Job job, boolean tick) {
        Optional<JobUse> known = Optional.ofNullable(before.remove(job.getId()));
        boolean free = job.getOperation().isEmpty();
        boolean counted = known.filter(use -> use.getCountedUntil() > 0).isPresent();
        boolean same = known.isPresent() && free && known.get().getRung().equals(rung(job, true));
        boolean goesOn = same && (counted ? known.get().getImage().equals(job.getLatestImage()) : job.getState() != JobState.RUNNING);
        if (goesOn && !(counted && tick)) {
            return;
        }
        JobUse was = known.or(() -> earlierLife(job)).orElseGet(() -> JobUse.newBuilder().setJob(job.getId()).setRungUntil(job.getSubmittedAt()).setRung("waiting").setImage(job.getLatestImage()).build());
        JobUse.Builder use = was.toBuilder().setAssociation(AccountKinds.name(job.getQueue().getAccount(), job.getQueue().getUser()));
        RunTimes times = goesOn ? RunTimes.runsOn(job) : RunTimes.of(state, job);
        long now = state.now();
        if (counted) {
            long until = times.runs() ? now : Math.clamp(times.stopped(now), was.getCountedUntil(), Math.max(now, was.getCountedUntil()));
            count(job, use, until - was.getCountedUntil(), freeze(job, use));
            use.setCountedUntil(times.runs() ? Math.max(now, was.getCountedUntil()) : 0);
        } else if (times.runs()) {
            use.setCountedUntil(Math.clamp(times.began(now), was.getRungUntil(), Math.max(was.getRungUntil(), now)));
            use.setRunningSince(use.getCountedUntil());
        } else {
            count(job, use, times.ranSince(was.getRungUntil(), now), 0);
        }
        if (!times.runs()) {
            use.clearRunningSince();
        }
        times.measured(use);
        if (!use.getRung().equals(rung(job, times.runs()))) {
            spend(use, now);
            use.setRung(rung(job, times.runs()));
        }
        JobUse next = use.setEnded(JobStates.isEnded(job.getState())).build();
        if (!next.equals(was) || known.isEmpty()) {
            changed.add(next);
        }
    }

    /** What a job had used that had ended and was brought back; in between it was in no rung. */
    private Optional<JobUse> earlierLife(Job job) {
        Optional<JobUse> ended = job.getIncarnation() > 1 ? state.record(AccountKinds.JOB_USE, job.getId()) : Optional.empty();
        return ended.map(use -> use.toBuilder().setRungUntil(state.now()).setRung("").build());
    }

    /** Milliseconds in which the job stood still to be saved while it ran on: once for each image. */
    private long freeze(Job job, JobUse.Builder use) {
        if (use.getImage().equals(job.getLatestImage())) {
            return 0;
        }
        use.setImage(job.getLatestImage());
        // The time of an image with which the job stopped was not counted to begin with.
        boolean ranOn = job.getState() == JobState.RUNNING || JobStates.isEnded(job.getState());
        Optional<Image> image = state.image(job.getLatestImage()).filter(one -> one.getIncarnation() == job.getIncarnation() && ranOn);
        return image.map(one -> one.getFreezeMicros() / MICROS).orElse(0L);
    }

    /**
     * @param stoodStill of which some may have been counted by looks before it was known
     */
    private void count(Job job, JobUse.Builder use, long millis, long stoodStill) {
        long all = Math.max(0, millis) - stoodStill + use.getCarriedMillis();
        long seconds = Math.max(0, all / MILLIS);
        use.setCarriedMillis(all - seconds * MILLIS);
        if (seconds == 0) {
            return;
        }
        JobQueue queue = job.getQueue();
        Qos qos = book.qos(queue.getQos());
        double factor = qos.hasUsageFactor() ? qos.getUsageFactor() : 1;
        String weights = book.partition(queue.getPartition()).getBillingWeights();
        double rate = (weights.isEmpty() ? config.weights() : TresWeights.parse(weights)).bill(JobTres.of(job.getSpec()), config.billing());
        use.setRunningSeconds(use.getRunningSeconds() + seconds)
                .setGpuSeconds(use.getGpuSeconds() + seconds * job.getSpec().getGpus())
                .setGpuMemorySeconds(use.getGpuMemorySeconds() + seconds * gpuMemory(job));
        double more = seconds * rate * factor;
        if (!(more >= 0) || Double.isInfinite(more)) {
            // Weights and factors are checked where they are set; one that came past that must not end the metering of all others.
            if (UNBILLED.add(job.getId())) {
                LOG.error("job {} is not billed: {} a second by the weights of partition '{}', times the usage factor {} of QoS '{}', is no bill", job.getId(), rate, queue.getPartition(), factor, qos.getName());
            }
            return;
        }
        use.setBilled(use.getBilled() + more);
        if (queue.getAccount().isEmpty()) {
            // A job of a Ferry that had no accounts.
            return;
        }
        Extended sum = used.computeIfAbsent(use.getAssociation(), association -> UsageLedger.of(state, association));
        used.put(use.getAssociation(), sum.plus(Extended.of(config.decay().newUsage(seconds, rate, factor))));
    }

    /** MiB of the GPUs that the job has. */
    private long gpuMemory(Job job) {
        if (job.getGpusCount() == 0) {
            return 0;
        }
        Node node = nodes.computeIfAbsent(job.getNode(), name -> state.node(name).orElse(Node.getDefaultInstance()));
        return GpuShares.memory(job, node) / MEBI;
    }

    /** The time since the last change of rung goes to the one that the job was in. */
    private static void spend(JobUse.Builder use, long now) {
        long millis = Math.max(0, now - use.getRungUntil());
        use.setRungUntil(Math.max(now, use.getRungUntil()));
        switch (use.getRung()) {
            case "waiting" -> use.setWaitingMillis(use.getWaitingMillis() + millis);
            case "parked" -> use.setParkedMillis(use.getParkedMillis() + millis);
            case "stored" -> use.setStoredMillis(use.getStoredMillis() + millis);
            case "moving" -> use.setMovingMillis(use.getMovingMillis() + millis);
            default -> {}
        }
    }

    private static String rung(Job job, boolean runs) {
        return switch (job.getState()) {
            case PENDING -> "waiting";
            case PARKED -> "parked";
            case SUSPENDED -> "stored";
            case STARTING, RESTORING -> "moving";
            case RUNNING -> runs ? "running" : "moving";
            case UNREACHABLE, LOST, EXITED, CANCELLED_JOB, FAILED, JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> "";
        };
    }
}
