package dev.ferry.coordinator.nodes;

import dev.ferry.common.Clock;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.leader.Leads;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.NodeNotices;
import java.time.Duration;
import java.util.function.BiConsumer;

/** What the streams of all daemons share, and the door through which each comes in. */
public final class NodeStreams {
    private final CommandDesk desk;
    private final NodeDirectory directory;
    private final Reconciler reconciler;
    private final NodeGpus gpus;
    private final LogRelay logs;
    private final Terms terms;
    private final Leads leads;
    private final Clock clock;
    private final Scheduler scheduler;
    private volatile BiConsumer<String, NodeNotices> onNotices = (node, notices) -> {};
    private volatile BiConsumer<String, GpuSample> onSamples = (node, sample) -> {};

    /**
     * What daemons are told at the begin of a stream.
     *
     * @param heartbeat how often a daemon says that it lives
     * @param lease for how long its jobs may run after it asked for what is answered
     */
    public record Terms(Duration heartbeat, Duration lease) {}

    public NodeStreams(StateStore store, CommandDesk desk, NodeDirectory directory, LogRelay logs, Terms terms, Leads leads, Clock clock, Scheduler scheduler) {
        this.desk = desk;
        this.directory = directory;
        this.logs = logs;
        this.terms = terms;
        this.leads = leads;
        this.clock = clock;
        this.scheduler = scheduler;
        reconciler = new Reconciler(store, desk);
        gpus = new NodeGpus(store);
        desk.onLastWord(
                (node, result) -> {
                    if (result.hasJob()) {
                        reconciler.report(node, result.getJob());
                    }
                });
    }

    /** A daemon has opened a stream; its messages are given to what is returned. */
    public NodeStream open(NodeLine line) {
        return new NodeStream(this, line);
    }

    /** Sets who is told what is announced about a node's machine. */
    public void onNotices(BiConsumer<String, NodeNotices> listener) {
        onNotices = listener;
    }

    void noticed(String node, NodeNotices notices) {
        onNotices.accept(node, notices);
    }

    /** Sets who is told what jobs do with their GPUs. */
    public void onSamples(BiConsumer<String, GpuSample> listener) {
        onSamples = listener;
    }

    void sampled(String node, GpuSample sample) {
        onSamples.accept(node, sample);
    }

    CommandDesk desk() {
        return desk;
    }

    NodeDirectory directory() {
        return directory;
    }

    Reconciler reconciler() {
        return reconciler;
    }

    NodeGpus gpus() {
        return gpus;
    }

    LogRelay logs() {
        return logs;
    }

    Leads leads() {
        return leads;
    }

    Terms terms() {
        return terms;
    }

    Clock clock() {
        return clock;
    }

    Scheduler scheduler() {
        return scheduler;
    }
}
