package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.evacuation.Pools.Seen;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobPolicy;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.scheduling.fresh.FreshPolicy;
import dev.ferry.scheduling.fresh.FreshPolicy.Facts;
import dev.ferry.scheduling.fresh.FreshPolicy.Interval;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What follows from jobs' policies at one time, within one transaction. */
final class PolicyLook {
    /** A job that takes a smaller part than this of the time between two interruptions of its machine is hit seldom enough to go without images. */
    private static final double LONG = 0.1;

    private final Transaction state;
    private final Policies policies;
    private final EvacuationConfig config;
    private final Map<String, Pace> paces = new HashMap<>();
    private @Nullable Map<String, Seen> pools;
    private @Nullable Map<String, Node> nodes;
    private @Nullable Map<String, Long> jobsByNode;
    private @Nullable Map<String, JobPolicy> changed;

    PolicyLook(Transaction state, Policies policies, EvacuationConfig config) {
        this.state = state;
        this.policies = policies;
        this.config = config;
    }

    /** Whether images of a job may be due at all; most jobs have none, and cost no more than this. */
    boolean makesImages(Job job) {
        return job.getState() == JobState.RUNNING && policy(job, asked(job)).mode() != FreshPolicy.Mode.NEVER;
    }

    /** Whether images of a job are made without anybody's asking, because of what happens to machines like its own. */
    boolean isUnasked(Job job) {
        return asked(job).getCheckpoint().equals(Policies.EXPOSED);
    }

    private JobPolicy asked(Job job) {
        if (changed == null) {
            changed = state.records(Policies.KIND, RecordQuery.all()).stream().collect(Collectors.toMap(JobPolicy::getJob, one -> one));
        }
        return policies.asked(job, changed.getOrDefault(job.getId(), JobPolicy.getDefaultInstance()));
    }

    private Optional<Node> node(Job job) {
        if (nodes == null) {
            nodes = state.nodes().stream().collect(Collectors.toMap(Node::getName, one -> one));
        }
        return Optional.ofNullable(nodes.get(job.getNode()));
    }

    /** What holds for a job, and what follows from it now. */
    JobPolicy show(Job job) {
        JobPolicy asked = asked(job);
        FreshPolicy policy = policy(job, asked);
        Optional<Node> node = node(job);
        Optional<Image> image = job.getLatestImage().isEmpty() ? Optional.empty() : state.image(job.getLatestImage());
        JobPolicy.Builder shown = asked.toBuilder().setPool(node.map(Node::getPool).orElse(""));
        if (node.isEmpty() || job.getState() != JobState.RUNNING) {
            return shown.setWhy("the job does not run").build();
        }
        Facts facts = facts(job, node.get(), image);
        shown.setCostMicros(facts.cost().toNanos() / 1000).setMeanTimeMillis(facts.meanTime().toMillis());
        boolean exposed = asked.getCheckpoint().equals(Policies.EXPOSED);
        Optional<Interval> interval = policy.interval(facts);
        if (interval.isEmpty()) {
            return shown.setWhy("no images are made" + (exposed ? ": its machine is not taken away so often that it pays" : "")).build();
        }
        String because = exposed ? String.format(Locale.ROOT, "machines like its own are taken away often (%.3f/h); ", seen(node.get()).hazard().perHour()) : "";
        Duration unsaved = Situation.unsaved(state, job, image, new JobHistory(state, job, Freshness.CAUSE));
        return shown.setIntervalMillis(interval.get().interval().toMillis()).setWhy(because + interval.get().why()).setNextAt(state.now() + interval.get().interval().minus(unsaved).toMillis()).build();
    }

    private FreshPolicy policy(Job job, JobPolicy asked) {
        FreshPolicy parsed = asked.getCheckpoint().equals(Policies.EXPOSED) && isExposed(job) ? FreshPolicy.auto() : Policies.parse(asked.getCheckpoint());
        return new FreshPolicy(parsed.mode(), parsed.every(), asked.getMostFrozen());
    }

    /** Whether the job's machine may well be taken away while it runs, by what was seen of its pool. */
    private boolean isExposed(Job job) {
        Optional<Seen> pool = node(job).map(this::seen);
        long limit = job.getSpec().getTimeLimitSeconds();
        return pool.isPresent() && pool.get().isRaised() && (limit == 0 || limit > LONG * pool.get().hazard().meanTime().toSeconds());
    }

    private Seen seen(Node node) {
        if (pools == null) {
            pools = Pools.seen(state);
        }
        return pools.getOrDefault(node.getPool(), Seen.NOTHING);
    }

    private Facts facts(Job job, Node node, Optional<Image> image) {
        return Policies.facts(image, state.images(job.getId()), seen(node).meanTimeUncovered(), paces.computeIfAbsent(node.getName(), name -> Situation.pace(state, name, config)), Math.max(1, besides(node)), config);
    }

    private int besides(Node node) {
        if (jobsByNode == null) {
            jobsByNode = state.liveJobs().stream().filter(one -> Situation.isThere(one, one.getNode())).collect(Collectors.groupingBy(Job::getNode, Collectors.counting()));
        }
        return jobsByNode.getOrDefault(node.getName(), 0L).intValue();
    }
}
