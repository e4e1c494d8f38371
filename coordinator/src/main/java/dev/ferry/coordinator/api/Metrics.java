package dev.ferry.coordinator.api;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.accounts.Metering;
import dev.ferry.coordinator.evacuation.Drills;
import dev.ferry.coordinator.leader.Leads;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillKind;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.DrilledImage;
import dev.ferry.proto.v1.DrilledJob;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Step;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** What a monitoring system sees. Names are listed in docs/api.md. */
public final class Metrics {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final StateStore store;
    private final MultiGauge jobs = MultiGauge.builder("ferry.jobs").description("Jobs that have not ended, by state").register(registry);
    private final MultiGauge nodes = MultiGauge.builder("ferry.nodes").description("Nodes, by state").register(registry);

    private final MultiGauge gpuSeconds = MultiGauge.builder("ferry.job.gpu.seconds").description("GPU time of jobs that have not ended, as it was billed at the last tick").register(registry);
    private final MultiGauge gpuPeak = MultiGauge.builder("ferry.job.gpu.memory.peak.bytes").description("Most memory of the job's processes on all its GPUs together").register(registry);
    private final MultiGauge gpuSampled = MultiGauge.builder("ferry.job.gpu.sampled.seconds").description("GPU time in which the load of the job's GPUs was looked at").register(registry);
    private final MultiGauge gpuBusy = MultiGauge.builder("ferry.job.gpu.busy.seconds").description("How much of the time that was looked at the job's GPUs did something").register(registry);

    private final MultiGauge drilledJobs = MultiGauge.builder("ferry.drill.jobs").description("Jobs in the last drill of each node, by what would become of them").register(registry);
    private final MultiGauge drilledWork = MultiGauge.builder("ferry.drill.lost.cpu.seconds").description("What the last drill of each node found would be lost").register(registry);
    private final MultiGauge drilledImages = MultiGauge.builder("ferry.drill.images").description("Images in the last trial of images, by outcome").register(registry);
    private final MultiGauge drilledAt = MultiGauge.builder("ferry.drill.last.timestamp.seconds").description("When the last drill of its kind ended, since 1970, UTC").register(registry);

    private final MultiGauge leader = MultiGauge.builder("ferry.leader").description("1: this coordinator leads").register(registry);
    private final MultiGauge oldest = MultiGauge.builder("ferry.operation.oldest.seconds").description("Age of the oldest open operation; 0: none is open").register(registry);
    private final MultiGauge failingGpus = MultiGauge.builder("ferry.gpus.failing").description("GPUs that get no jobs because they are failing").register(registry);
    private final MultiGauge withoutStore = MultiGauge.builder("ferry.nodes.without.store").description("Nodes that get no jobs because they do not see the coordinator's store").register(registry);
    private final MultiGauge collected = MultiGauge.builder("ferry.store.collection.last.success.timestamp.seconds").description("When garbage was last collected, since 1970, UTC").register(registry);
    private final MultiGauge expires = MultiGauge.builder("ferry.certificate.expires.timestamp.seconds").description("When a certificate ends, since 1970, UTC").register(registry);

    private final Leads leads;
    private final LongSupplier lastCollected;
    private final Map<String, Supplier<X509Certificate>> certificates;

    /**
     * @param lastCollected when garbage was last collected, milliseconds since 1970, UTC; 0: not yet
     * @param certificates those whose end matters, by what they are of
     */
    public Metrics(StateStore store, Leads leads, LongSupplier lastCollected, Map<String, Supplier<X509Certificate>> certificates) {
        this.store = store;
        this.leads = leads;
        this.lastCollected = lastCollected;
        this.certificates = Map.copyOf(certificates);
    }

    /** Counts an operation that has ended. */
    public void ended(Operation operation) {
        String kind = operation.getKind().name();
        String outcome = operation.getState() == OperationState.SUCCEEDED ? "succeeded" : "failed";
        registry.counter("ferry.operations", "kind", kind, "outcome", outcome, "error", operation.getError().getCode().name()).increment();
        timer("ferry.operation.duration", "Time from begin to end of an operation", kind).record(Duration.ofMillis(operation.getEndedAt() - operation.getStartedAt()));
        if (operation.getOutageMicros() > 0) {
            timer("ferry.operation.outage", "Time the job stood still", kind).record(Duration.ofNanos(operation.getOutageMicros() * 1000));
        }
        for (Step step : operation.getStepsList()) {
            step.getPhasesList()
                    .forEach(phase -> registry.counter("ferry.phase.bytes", "kind", kind, "phase", phase.getName()).increment(phase.getBytes()));
        }
        Optional<Image> image = operation.getImage().isEmpty() ? Optional.empty() : store.transact(state -> state.image(operation.getImage()));
        boolean made = image.isPresent() && image.get().getOperation().equals(operation.getId());
        if (made) {
            timer("ferry.image.freeze", "Time the job was frozen to be saved", kind).record(Duration.ofNanos(image.get().getFreezeMicros() * 1000));
            registry.counter("ferry.image.bytes", "kind", kind).increment(image.get().getBytes());
            registry.counter("ferry.image.sent.bytes", "kind", kind).increment(image.get().getSentBytes());
        }
    }

    private Timer timer(String name, String description, String kind) {
        return Timer.builder(name)
                .description(description)
                .tag("kind", kind)
                .publishPercentiles(0.5, 0.95)
                .register(registry);
    }

    /** All meters in Prometheus' text format. */
    String scrape() {
        Map<JobState, Long> byState = count(store.transact(Transaction::liveJobs), Job::getState);
        jobs.register(byState.entrySet().stream().map(entry -> MultiGauge.Row.of(Tags.of("state", JobStates.name(entry.getKey())), entry.getValue())).toList(), true);
        List<Node> all = store.transact(Transaction::nodes);
        Map<NodeState, Long> nodesByState = count(all, Node::getState);
        nodes.register(nodesByState.entrySet().stream().map(entry -> MultiGauge.Row.of(Tags.of("state", entry.getKey().name()), entry.getValue())).toList(), true);
        alarms(all.stream().filter(node -> node.getState() != NodeState.DEAD).toList());
        gpus();
        drills();
        return registry.scrape();
    }

    /** What somebody is called for at night. */
    private void alarms(List<Node> living) {
        long age = store.transact(state -> state.openOperations().stream().mapToLong(open -> state.now() - open.getStartedAt()).max().orElse(0));
        one(oldest, Math.max(0, age) / 1000.0);
        one(leader, leads.holds() ? 1 : 0);
        one(failingGpus, living.stream().flatMap(node -> node.getFacts().getGpusList().stream()).filter(gpu -> !gpu.getSick().isEmpty()).count());
        one(withoutStore, living.stream().filter(node -> !node.getStoreProblem().isEmpty()).count());
        long last = lastCollected.getAsLong();
        if (last > 0) {
            one(collected, last / 1000.0);
        }
        expires.register(certificates.entrySet().stream().map(entry -> MultiGauge.Row.of(Tags.of("of", entry.getKey()), entry.getValue().get().getNotAfter().getTime() / 1000)).toList(), true);
    }

    private static void one(MultiGauge gauge, Number value) {
        gauge.register(List.of(MultiGauge.Row.of(Tags.empty(), value)), true);
    }

    /** Of jobs with GPUs that have not ended. */
    private void gpus() {
        List<MultiGauge.Row<Number>> seconds = new ArrayList<>();
        List<MultiGauge.Row<Number>> peak = new ArrayList<>();
        List<MultiGauge.Row<Number>> sampled = new ArrayList<>();
        List<MultiGauge.Row<Number>> busy = new ArrayList<>();
        store.transact(
                state -> {
                    Map<String, JobUse> uses = Metering.open(state);
                    for (Job job : state.liveJobs()) {
                        JobUse use = uses.get(job.getId());
                        if (use == null || job.getSpec().getGpus() == 0) {
                            continue;
                        }
                        Tags tags = Tags.of("job", job.getId(), "account", job.getQueue().getAccount(), "user", job.getQueue().getUser());
                        seconds.add(MultiGauge.Row.of(tags, use.getGpuSeconds()));
                        peak.add(MultiGauge.Row.of(tags, use.getGpuMemoryPeakBytes()));
                        sampled.add(MultiGauge.Row.of(tags, use.getGpuSampledMillis() / 1000.0));
                        busy.add(MultiGauge.Row.of(tags, use.getGpuBusyMillis() / 1000.0));
                    }
                    return true;
                });
        gpuSeconds.register(seconds, true);
        gpuPeak.register(peak, true);
        gpuSampled.register(sampled, true);
        gpuBusy.register(busy, true);
    }

    /** Of each node its last drill that has ended, and of images the last. */
    private void drills() {
        Map<String, Drill> last = new TreeMap<>();
        store.transact(state -> state.records(Drills.KIND, RecordQuery.all().newestFirst())).stream().filter(drill -> drill.getState() == DrillState.DRILL_DONE).forEach(drill -> last.putIfAbsent(drill.getNode(), drill));
        List<MultiGauge.Row<Number>> jobRows = new ArrayList<>();
        List<MultiGauge.Row<Number>> work = new ArrayList<>();
        List<MultiGauge.Row<Number>> images = new ArrayList<>();
        List<MultiGauge.Row<Number>> times = new ArrayList<>();
        for (Drill drill : last.values()) {
            String kind = drill.getKind() == DrillKind.DRILL_NODE ? "node" : "restore";
            times.add(MultiGauge.Row.of(Tags.of("kind", kind, "node", drill.getNode()), drill.getEndedAt() / 1000));
            count(drill.getJobsList(), DrilledJob::getOutcome).forEach((outcome, number) -> jobRows.add(MultiGauge.Row.of(Tags.of("node", drill.getNode(), "outcome", outcome.name()), number)));
            count(drill.getImagesList(), DrilledImage::getOutcome).forEach((outcome, number) -> images.add(MultiGauge.Row.of(Tags.of("outcome", outcome.name()), number)));
            if (drill.getKind() == DrillKind.DRILL_NODE) {
                work.add(MultiGauge.Row.of(Tags.of("node", drill.getNode()), drill.getJobsList().stream().filter(job -> Drills.isLost(job.getOutcome())).mapToDouble(DrilledJob::getWorth).sum()));
            }
        }
        drilledJobs.register(jobRows, true);
        drilledWork.register(work, true);
        drilledImages.register(images, true);
        drilledAt.register(times, true);
    }

    private static <T, K> Map<K, Long> count(Iterable<T> all, Function<T, K> key) {
        return java.util.stream.StreamSupport.stream(all.spliterator(), false).collect(Collectors.groupingBy(key, Collectors.counting()));
    }
}
