package dev.ferry.coordinator.nodes;

import dev.ferry.common.Clock;
import dev.ferry.common.FerryException;
import dev.ferry.common.Scheduler;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.ProofKind;
import dev.ferry.proto.v1.StoreSight;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which nodes there are and in which state. Heartbeats stay in memory; only changes of state are written. */
public final class NodeDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeDirectory.class);
    private static final Duration LOOK = Duration.ofMillis(500);

    private final StateStore store;
    private final CommandDesk desk;
    private final Duration timeout;
    private final Clock clock;
    private final Scheduler scheduler;
    private final Leases leases;
    private final LostNodes lost;
    private final NodeStores stores;
    /** When the streams of nodes ended that have none now, on the monotonic clock. */
    private final Map<String, Long> silentSince = new ConcurrentHashMap<>();
    /** A node of which we have heard nothing yet counts as silent from here on. */
    private volatile long startedNanos;
    private volatile long lookedNanos;
    private volatile Runnable confirmed = () -> {};
    private volatile boolean closed;

    /**
     * @param timeout after how much silence a node counts as down
     */
    public NodeDirectory(StateStore store, CommandDesk desk, Duration timeout, LeaseTerms terms, Clock clock, Scheduler scheduler) {
        this.store = store;
        this.desk = desk;
        this.timeout = timeout;
        this.clock = clock;
        this.scheduler = scheduler;
        startedNanos = clock.nanos();
        lookedNanos = startedNanos;
        leases = new Leases(terms, store.canBeDeposed(), clock);
        lost = new LostNodes(store, desk, leases);
        stores = new NodeStores(store);
    }

    Leases leases() {
        return leases;
    }

    NodeStores stores() {
        return stores;
    }

    /** Sets who knows which store this coordinator sees: nodes that see another one get no jobs. */
    public void ownStore(Supplier<StoreSight> sight) {
        stores.own(sight);
    }

    /** This coordinator sees another store than before, or sees one at last. */
    public void ownStoreChanged() {
        stores.ownChanged();
    }

    /** Is told each time that timers, threads and the store have worked together, and the store has said that this coordinator leads. */
    public void onConfirmed(Runnable listener) {
        confirmed = listener;
    }

    public void start() {
        Scheduler.Timer ignored = scheduler.after(LOOK, this::look);
    }

    private void look() {
        if (!closed) {
            lookForSilence();
            start();
        }
    }

    /**
     * Asked before a daemon is heard, and again when it is taken in.
     *
     * @throws FerryException WRONG_STATE: see {@link SameFolder}
     */
    void requireSameFolder(Hello hello) {
        store.transact(
                state -> {
                    SameFolder.require(state, hello);
                    return true;
                });
    }

    /**
     * A daemon has said who it is.
     *
     * @throws FerryException as {@link #requireSameFolder}
     */
    Node hello(Hello hello, String address) {
        // Before it is said to be up: its old silence must not count any more, should its stream end meanwhile.
        silentSince.put(hello.getNode(), clock.nanos());
        leases.answered(hello.getNode());
        Node node =
                store.transact(
                        state -> {
                            requireLeader(state);
                            // A job may have been ordered there since it was asked first.
                            SameFolder.require(state, hello);
                            Node.Builder record =
                                    state.node(hello.getNode()).orElse(Node.newBuilder().setName(hello.getNode()).setState(NodeState.READY).build()).toBuilder();
                            boolean closedToJobs = record.getState() == NodeState.DRAINING || record.getState() == NodeState.DRAINED;
                            if (!closedToJobs) {
                                boolean drained = record.getReason().startsWith(LostNodes.DRAIN_MARK);
                                record.setState(drained ? NodeState.DRAINING : NodeState.READY);
                                if (!drained) {
                                    record.clearReason();
                                }
                            }
                            // What it was granted before holds until it is known to have read what is granted now.
                            record.setLeaseMillis(hello.getKeepsLease() ? Math.max(record.getLeaseMillis(), leases.terms().lease().toMillis()) : 0);
                            stores.judge(record, hello.getFacts());
                            record.clearProof().setPool(hello.getPool()).setFacts(hello.getFacts()).setCapacity(hello.getCapacity()).setAddress(address).setLastHeardAt(state.now());
                            state.put(record.build());
                            return record.build();
                        });
        LOG.info("node {} is here ({}), with {} jobs", node.getName(), node.getState(), hello.getJobsCount());
        return node;
    }

    /** A daemon is known to count the lease that is granted now. */
    void countsNewLease(String name) {
        long granted = leases.terms().lease().toMillis();
        store.transact(
                state -> {
                    state.node(name).filter(node -> node.getLeaseMillis() > granted).ifPresent(node -> state.put(node.toBuilder().setLeaseMillis(granted).build()));
                    return true;
                });
    }

    /** A coordinator that was stopped, or whose machine was, has heard nobody: that says nothing of the nodes. */
    private void forgiveOwnAbsence() {
        long now = clock.nanos();
        if (Duration.ofNanos(now - lookedNanos).compareTo(timeout.dividedBy(2).plus(LOOK)) > 0) {
            LOG.warn("this coordinator was away for {} s: the nodes' silence counts anew", (now - lookedNanos) / 1_000_000_000);
            startedNanos = now;
            silentSince.replaceAll((node, since) -> now);
            desk.sessions().forEach(NodeSession::heard);
            leases.countAnew();
        }
        lookedNanos = now;
    }

    private void lookForSilence() {
        try {
            forgiveOwnAbsence();
            for (NodeSession session : desk.sessions()) {
                if (session.silence().compareTo(timeout) > 0) {
                    session.close("no sign of life for " + timeout.toSeconds() + " s");
                    desk.closed(session);
                    silentSince.put(session.node(), clock.nanos() - session.silence().toNanos());
                }
            }
            List<Node> nodes =
                    store.transact(
                            state -> {
                                requireLeader(state);
                                return state.nodes();
                            });
            confirmed.run();
            for (Node node : nodes) {
                if (isGone(node)) {
                    down(node.getName());
                }
            }
            lost.look(nodes);
        } catch (RuntimeException | Error failed) {
            LOG.error("nodes could not be looked at", failed);
        }
    }

    private void requireLeader(Transaction state) {
        // Counted from here and not from before the transaction: that waits for its turn, and the word of the store does not.
        long asked = clock.nanos();
        state.requireLeader();
        leases.confirmed(asked);
    }

    /** The stream of a node has ended: from now on its silence counts. */
    void silent(String name) {
        silentSince.put(name, clock.nanos());
        store.transact(
                state -> {
                    state.node(name).ifPresent(node -> state.put(node.toBuilder().setLastHeardAt(state.now()).build()));
                    return true;
                });
    }

    private boolean isGone(Node node) {
        boolean up = node.getState() != NodeState.DOWN && node.getState() != NodeState.DEAD;
        return up && !desk.isConnected(node.getName()) && clock.since(silentSince.getOrDefault(node.getName(), startedNanos)).compareTo(timeout) > 0;
    }

    private void down(String name) {
        store.transact(
                state -> {
                    Node node = state.node(name).orElseThrow();
                    // Its Hello may have come since it was looked at, and nothing would ever take the word back.
                    if (!isGone(node)) {
                        return false;
                    }
                    LOG.warn("node {} is down: its daemon has not been heard of for {} s", name, timeout.toSeconds());
                    Node ignored = LostNodes.takeDown(state, node);
                    return true;
                });
    }

    /** A node takes no new jobs from now on. */
    public Node drain(String name) {
        return change(name, (state, node) -> {
            requireUp(node);
            return node.toBuilder().setState(NodeState.DRAINING).setReason(LostNodes.DRAIN_MARK + " by an operator").build();
        });
    }

    /** A node takes no new jobs from now on, for a reason that is not an operator's, also when it is silent and comes back; one that takes none already stays as it is. */
    public static void close(Transaction state, String name, String why) {
        Optional<Node> node = state.node(name);
        node.filter(one -> one.getState() == NodeState.READY).ifPresent(one -> state.put(one.toBuilder().setState(NodeState.DRAINING).setReason(closedFor(why)).build()));
        node.filter(one -> one.getState() == NodeState.DOWN && !one.getReason().startsWith(LostNodes.DRAIN_MARK)).ifPresent(one -> state.put(one.toBuilder().setReason(closedFor(why) + LostNodes.SILENT).build()));
    }

    /** Opens a node again that was closed for a reason, and for no other. */
    public static void reopen(Transaction state, String name, String why) {
        Optional<Node> closed = state.node(name).filter(node -> node.getReason().replace(LostNodes.SILENT, "").equals(closedFor(why)));
        closed.ifPresent(node -> state.put(node.toBuilder().setState(LostNodes.isDrained(node.getState()) ? NodeState.READY : node.getState()).clearReason().build()));
    }

    private static String closedFor(String why) {
        return LostNodes.DRAIN_MARK + ": " + why;
    }

    public Node undrain(String name) {
        return change(name, (state, node) -> {
            NodeState next = node.getState() == NodeState.DOWN || node.getState() == NodeState.DEAD ? node.getState() : NodeState.READY;
            return node.toBuilder().setState(next).clearReason().build();
        });
    }

    /**
     * Writes down that nothing runs on a node any more: its jobs are lost there and may be restored elsewhere. A daemon that
     * comes back all the same finds its jobs of earlier lives frozen and killed.
     *
     * @param kind whose word it is: the cloud's or an operator's
     * @param cause who said so, for people
     * @throws FerryException WRONG_STATE if the node answers, or could not have answered yet because this coordinator has
     *     only just begun to lead
     */
    public Node declareDead(String name, ProofKind kind, String cause) {
        return change(
                name,
                (state, node) -> {
                    if (desk.isConnected(name)) {
                        throw new FerryException(ErrorCode.WRONG_STATE, "Node " + name + " answers: it is not dead. Drain it, or stop its daemon first");
                    }
                    Duration led = clock.since(startedNanos);
                    if (led.compareTo(timeout) < 0) {
                        throw new FerryException(
                                ErrorCode.WRONG_STATE,
                                "This coordinator has led for " + led.toSeconds() + " s only and can't know yet whether node " + name + " answers. Say it again in " + timeout.minus(led).plusMillis(999).toSeconds() + " s");
                    }
                    return LostNodes.dead(state, node, kind, cause);
                });
    }

    /**
     * A node that is declared dead, and of which nothing is awaited any more.
     *
     * @throws FerryException NODE_NOT_FOUND, WRONG_STATE
     */
    public Node requireRemovable(String name) {
        return store.transact(state -> removable(state, name));
    }

    /**
     * Removes the record of such a node. Its machine may come back all the same: then it is a node like a new one, and what it still has of
     * jobs is held and killed, because none of it stands.
     *
     * @return what it was
     * @throws FerryException NODE_NOT_FOUND, WRONG_STATE
     */
    public Node remove(String name) {
        return store.transact(
                state -> {
                    Node gone = removable(state, name);
                    state.deleteNode(gone.getName());
                    return gone;
                });
    }

    /** An operation that deals with the node waits for its word, or for the proof that stands in its record. */
    private Node removable(Transaction state, String name) {
        Node node = node(state, name);
        if (node.getState() != NodeState.DEAD || desk.isConnected(name)) {
            throw new FerryException(
                    ErrorCode.WRONG_STATE, "Node " + name + " is " + (desk.isConnected(name) ? "here" : node.getState()) + ": only one that was declared dead can be removed; `ferry node declare-dead " + name + " --i-have-checked` when its machine is gone");
        }
        state.liveJobs().stream()
                .filter(job -> job.getNode().equals(name) && JobStates.isOnNode(job.getState()))
                .findFirst()
                .ifPresent(job -> refuse(name, "job " + job.getId() + " is " + job.getState() + " there"));
        state.openOperations().stream()
                .filter(open -> open.getSourceNode().equals(name) || open.getTargetNode().equals(name) || open.getStepsList().stream().anyMatch(step -> step.getNode().equals(name)))
                .findFirst()
                .ifPresent(open -> refuse(name, "operation " + open.getId() + " deals with it"));
        return node;
    }

    private static void refuse(String node, String why) {
        throw new FerryException(ErrorCode.WRONG_STATE, "Node " + node + " can't be removed now: " + why);
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

    /**
     * A node whose jobs can be moved away.
     *
     * @throws FerryException NODE_NOT_FOUND, NODE_DOWN
     */
    public static Node up(Transaction state, String name) {
        Node node = node(state, name);
        requireUp(node);
        return node;
    }

    /** A node with what is used of it and by whom. */
    public Node complete(Transaction state, Node node) {
        return complete(state, List.of(node)).getFirst();
    }

    public List<Node> all(Transaction state) {
        return complete(state, state.nodes());
    }

    private List<Node> complete(Transaction state, List<Node> nodes) {
        dev.ferry.coordinator.placement.Usage usage = dev.ferry.coordinator.placement.Usage.of(state);
        List<Job> jobs = state.liveJobs();
        // One that was under way when the node was closed comes there all the same.
        Set<String> targets = state.openOperations().stream().map(Operation::getTargetNode).collect(Collectors.toSet());
        return nodes.stream()
                .map(
                        node -> {
                            List<String> there = jobs.stream().filter(job -> job.getNode().equals(node.getName()) && JobStates.isOnNode(job.getState())).map(Job::getId).toList();
                            boolean empty = there.isEmpty() && !targets.contains(node.getName());
                            NodeState stands = node.getState() == NodeState.DRAINING && empty ? NodeState.DRAINED : node.getState();
                            long heard = desk.session(node.getName()).map(session -> clock.millis() - session.silence().toMillis()).orElse(node.getLastHeardAt());
                            return node.toBuilder().setState(stands).setAllocated(usage.of(node.getName())).addAllJobs(there).setLastHeardAt(heard).setLeaseLeftMillis(leases.left(node).toMillis()).build();
                        })
                .toList();
    }

    @Override
    public void close() {
        closed = true;
    }
}
