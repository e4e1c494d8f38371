package dev.ferry.coordinator.nodes;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which nodes there are and in which state. Heartbeats stay in memory; only changes of state are written. */
public final class NodeDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeDirectory.class);
    private static final long LOOK_MILLIS = 500;

    private final StateStore store;
    private final CommandDesk desk;
    private final Duration timeout;
    private final ScheduledExecutorService look =
            Executors.newSingleThreadScheduledExecutor(work -> Thread.ofPlatform().daemon().name("nodes").unstarted(work));
    private final long startedNanos = System.nanoTime();

    public NodeDirectory(StateStore store, CommandDesk desk, Duration timeout) {
        this.store = store;
        this.desk = desk;
        this.timeout = timeout;
    }

    public void start() {
        var unused = look.scheduleWithFixedDelay(this::lookForSilence, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** A daemon has said who it is. */
    Node hello(Hello hello, String address) {
        Node node =
                store.transact(
                        state -> {
                            Node.Builder record =
                                    state.node(hello.getNode()).orElse(Node.newBuilder().setName(hello.getNode()).setState(NodeState.READY).build()).toBuilder();
                            boolean closedToJobs = record.getState() == NodeState.DRAINING || record.getState() == NodeState.DRAINED;
                            if (!closedToJobs) {
                                boolean drained = record.getReason().startsWith(DRAIN_MARK);
                                record.setState(drained ? NodeState.DRAINING : NodeState.READY);
                                if (!drained) {
                                    record.clearReason();
                                }
                            }
                            record.setFacts(hello.getFacts()).setCapacity(hello.getCapacity()).setAddress(address).setLastHeardAt(System.currentTimeMillis());
                            state.put(record.build());
                            return record.build();
                        });
        LOG.info("node {} is here ({}), with {} jobs", node.getName(), node.getState(), hello.getJobsCount());
        return node;
    }

    /** Kept in the reason of a node that is drained, so that it stays so when it goes down and comes back. */
    private static final String DRAIN_MARK = "drained";

    private void lookForSilence() {
        try {
            for (NodeSession session : desk.sessions()) {
                if (session.silentNanos() > timeout.toNanos()) {
                    session.close("no sign of life for " + timeout.toSeconds() + " s");
                    desk.closed(session);
                }
            }
            boolean justStarted = System.nanoTime() - startedNanos < timeout.toNanos();
            for (Node node : store.transact(Transaction::nodes)) {
                boolean gone = node.getState() != NodeState.DOWN && node.getState() != NodeState.DEAD && !desk.isConnected(node.getName());
                boolean longEnough = System.currentTimeMillis() - node.getLastHeardAt() > timeout.toMillis();
                if (gone && !justStarted && longEnough) {
                    down(node.getName());
                }
            }
        } catch (RuntimeException failed) {
            LOG.error("nodes could not be looked at", failed);
        }
    }

    /** The stream of a node has ended: from now on its silence counts. */
    void silent(String name) {
        store.transact(
                state -> {
                    state.node(name).ifPresent(node -> state.put(node.toBuilder().setLastHeardAt(System.currentTimeMillis()).build()));
                    return true;
                });
    }

    private void down(String name) {
        LOG.warn("node {} is down: its daemon has not been heard of for {} s", name, timeout.toSeconds());
        store.transact(
                state -> {
                    Node node = state.node(name).orElseThrow();
                    String reason = isDrained(node.getState()) ? DRAIN_MARK + ", then its daemon did not answer" : "its daemon does not answer";
                    state.put(node.toBuilder().setState(NodeState.DOWN).setReason(reason).build());
                    for (Job job : state.liveJobs()) {
                        if (job.getNode().equals(name) && job.getState() == JobState.RUNNING) {
                            state.put(job.toBuilder().setState(JobState.UNREACHABLE).setReason("node " + name + " does not answer; the job may run there").build());
                        }
                    }
                    return true;
                });
    }

    private static boolean isDrained(NodeState state) {
        return state == NodeState.DRAINING || state == NodeState.DRAINED;
    }

    /** A node takes no new jobs from now on. */
    public Node drain(String name) {
        return change(name, (state, node) -> {
            requireUp(node);
            return node.toBuilder().setState(NodeState.DRAINING).setReason(DRAIN_MARK + " by an operator").build();
        });
    }

    public Node undrain(String name) {
        return change(name, (state, node) -> {
            NodeState next = node.getState() == NodeState.DOWN || node.getState() == NodeState.DEAD ? node.getState() : NodeState.READY;
            return node.toBuilder().setState(next).clearReason().build();
        });
    }

    /**
     * An operator's word that nothing runs on a node any more: its jobs are lost there and may be restored
     * elsewhere. A daemon that comes back all the same finds its jobs of earlier lives killed.
     */
    public Node declareDead(String name, String cause) {
        return change(
                name,
                (state, node) -> {
                    if (desk.isConnected(name)) {
                        throw new FerryException(ErrorCode.WRONG_STATE, "Node " + name + " answers: it is not dead. Drain it, or stop its daemon first");
                    }
                    for (Job job : state.liveJobs()) {
                        boolean there = job.getNode().equals(name) && (job.getState() == JobState.RUNNING || job.getState() == JobState.UNREACHABLE);
                        if (there) {
                            state.put(job.toBuilder().setState(JobState.LOST).setReason("node " + name + " was declared dead by " + cause).build());
                        }
                    }
                    return node.toBuilder().setState(NodeState.DEAD).setReason("declared dead by " + cause).build();
                });
    }

    private interface Change {
        Node make(Transaction state, Node node);
    }

    private Node change(String name, Change change) {
        return store.transact(
                state -> {
                    Node changed = change.make(state, node(state, name));
                    state.put(changed);
                    return complete(state, changed);
                });
    }

    private static void requireUp(Node node) {
        if (node.getState() == NodeState.DOWN || node.getState() == NodeState.DEAD) {
            throw new FerryException(ErrorCode.NODE_DOWN, "Node " + node.getName() + " is " + node.getState() + ": its jobs can't be moved away now");
        }
    }

    /**
     * @throws FerryException NODE_NOT_FOUND
     */
    public static Node node(Transaction state, String name) {
        return state.node(name)
                .orElseThrow(
                        () ->
                                new FerryException(
                                        ErrorCode.NODE_NOT_FOUND,
                                        "There is no node '" + name + "'; there " + (state.nodes().isEmpty() ? "are none" : "are " + String.join(", ", state.nodes().stream().map(Node::getName).toList()))));
    }

    /** A node with what is used of it and by whom. */
    public Node complete(Transaction state, Node node) {
        return complete(List.of(node), state.liveJobs(), dev.ferry.coordinator.placement.Usage.of(state)).getFirst();
    }

    public List<Node> all(Transaction state) {
        return complete(state.nodes(), state.liveJobs(), dev.ferry.coordinator.placement.Usage.of(state));
    }

    private List<Node> complete(List<Node> nodes, List<Job> jobs, dev.ferry.coordinator.placement.Usage usage) {
        return nodes.stream()
                .map(
                        node -> {
                            List<String> there = jobs.stream().filter(job -> job.getNode().equals(node.getName()) && JobStates.isOnNode(job.getState())).map(Job::getId).toList();
                            NodeState state = node.getState() == NodeState.DRAINING && there.isEmpty() ? NodeState.DRAINED : node.getState();
                            long heard = desk.session(node.getName()).map(session -> System.currentTimeMillis() - session.silentNanos() / 1_000_000).orElse(node.getLastHeardAt());
                            return node.toBuilder().setState(state).setAllocated(usage.of(node.getName())).addAllJobs(there).setLastHeardAt(heard).build();
                        })
                .toList();
    }

    @Override
    public void close() {
        look.shutdownNow();
    }
}
