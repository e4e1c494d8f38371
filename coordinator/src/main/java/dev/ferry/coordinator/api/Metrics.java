package dev.ferry.coordinator.api;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
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
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What a monitoring system sees. Names are listed in docs/api.md. */
public final class Metrics {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final StateStore store;
    private final MultiGauge jobs = MultiGauge.builder("ferry.jobs").description("Jobs that have not ended, by state").register(registry);
    private final MultiGauge nodes = MultiGauge.builder("ferry.nodes").description("Nodes, by state").register(registry);

    public Metrics(StateStore store) {
        this.store = store;
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
        Map<NodeState, Long> nodesByState = count(store.transact(Transaction::nodes), Node::getState);
        nodes.register(nodesByState.entrySet().stream().map(entry -> MultiGauge.Row.of(Tags.of("state", entry.getKey().name()), entry.getValue())).toList(), true);
        return registry.scrape();
    }

    private static <T, K> Map<K, Long> count(Iterable<T> all, Function<T, K> key) {
        return java.util.stream.StreamSupport.stream(all.spliterator(), false).collect(Collectors.groupingBy(key, Collectors.counting()));
    }
}
