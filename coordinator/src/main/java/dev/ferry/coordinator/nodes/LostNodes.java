package dev.ferry.coordinator.nodes;

import dev.ferry.common.Durations;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.ProofKind;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes down that a node's lease has ended. From then on its jobs may live elsewhere, because those on the node are frozen and stay so
 * until its daemon has said Hello and been told which of them stand. That order is what must never break: a Hello counts as an answer
 * first, takes the proof out of the record next, and reads last which lives stand; and the proof is written only in a transaction
 * that finds no stream and a lease that is over. So either the Hello finds the jobs' new lives, or the proof is not given.
 */
public final class LostNodes {
    private static final Logger LOG = LoggerFactory.getLogger(LostNodes.class);

    private final StateStore store;
    private final CommandDesk desk;
    private final Leases leases;

    LostNodes(StateStore store, CommandDesk desk, Leases leases) {
        this.store = store;
        this.desk = desk;
        this.leases = leases;
    }

    void look(List<Node> nodes) {
        for (Node node : nodes) {
            if (!node.hasProof() && leases.isOver(node)) {
                // A stream that is half dead: after this nothing is answered on it any more.
                desk.session(node.getName())
                        .ifPresent(
                                session -> {
                                    session.close("the node's lease has ended");
                                    desk.closed(session);
                                });
                record(node.getName());
            }
        }
    }

    private void record(String name) {
        boolean recorded =
                store.transact(
                        state -> {
                            Node node = state.node(name).orElseThrow();
                            if (node.hasProof() || desk.isConnected(name) || !leases.isOver(node)) {
                                return false;
                            }
                            Node ignored = leaseEnded(state, node);
                            return true;
                        });
        if (recorded) {
            LOG.warn("the lease of node {} has ended: its jobs may be restored elsewhere", name);
        }
    }

    /** What the end of a node's lease makes of its record and of its jobs. */
    public static Node leaseEnded(Transaction state, Node node) {
        Node down = node.getState() == NodeState.DOWN || node.getState() == NodeState.DEAD ? node : takeDown(state, node);
        String detail = "the lease of " + Durations.format(Duration.ofMillis(node.getLeaseMillis())) + " of node " + node.getName() + " has ended: its jobs are frozen";
        Node proven = down.toBuilder().setProof(Proof.newBuilder().setKind(ProofKind.PROOF_LEASE).setNode(node.getName()).setAt(state.now()).setDetail(detail)).build();
        state.put(proven);
        return proven;
    }

    /**
     * What somebody's word that nothing runs on a node any more makes of its record and of its jobs.
     *
     * @param kind whose word it is
     * @param cause who said so, for people
     */
    public static Node dead(Transaction state, Node node, ProofKind kind, String cause) {
        Proof proof = Proof.newBuilder().setKind(kind).setNode(node.getName()).setAt(state.now()).setDetail("declared dead by " + cause).build();
        for (Job job : state.liveJobs()) {
            boolean there = job.getNode().equals(node.getName()) && (job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED || job.getState() == JobState.UNREACHABLE);
            if (there) {
                Proof ofLife = proof.toBuilder().setIncarnation(job.getIncarnation()).build();
                state.put(job.toBuilder().setState(JobState.LOST).setReason("node " + node.getName() + " was declared dead by " + cause).setProof(ofLife).build());
            }
            boolean asked = job.getSpec().getNode().equals(node.getName()) && job.getState() != JobState.PENDING && job.getState() != JobState.STARTING;
            if (kind == ProofKind.PROOF_CLOUD && asked) {
                // The machine is not coming back; also what runs elsewhere by now may have to go on from there.
                Job now = state.job(job.getId()).orElseThrow();
                state.put(now.toBuilder().setQueue(now.getQueue().toBuilder().setAnywhere(true)).build());
            }
        }
        return node.toBuilder().setState(NodeState.DEAD).setReason("declared dead by " + cause).setProof(proof).build();
    }

    /** Kept in the reason of a node that is drained, so that it stays so when it goes down and comes back. */
    static final String DRAIN_MARK = "drained";
    static final String SILENT = ", then its daemon did not answer";

    static boolean isDrained(NodeState state) {
        return state == NodeState.DRAINING || state == NodeState.DRAINED;
    }

    /** A node that does not answer, and what that makes of its jobs. */
    static Node takeDown(Transaction state, Node node) {
        String reason = isDrained(node.getState()) ? node.getReason().replace(SILENT, "") + SILENT : "its daemon does not answer";
        for (Job job : state.liveJobs()) {
            if (job.getNode().equals(node.getName()) && (job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED)) {
                state.put(job.toBuilder().setState(JobState.UNREACHABLE).setReason("node " + node.getName() + " does not answer; the job may run there").build());
            }
        }
        Node down = node.toBuilder().setState(NodeState.DOWN).setReason(reason).build();
        state.put(down);
        return down;
    }
}
