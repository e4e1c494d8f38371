package dev.ferry.coordinator.operations;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.OnPartition;
import dev.ferry.proto.v1.Proof;
import dev.ferry.proto.v1.ProofKind;
import java.util.Optional;

/** Why it is known that a life of a job does not run: what allows its next one. */
public final class Proofs {
    private Proofs() {}

    /** A daemon's word. */
    static Proof receipt(Transaction state, String node, long incarnation, String detail) {
        return Proof.newBuilder().setKind(ProofKind.PROOF_RECEIPT).setNode(node).setIncarnation(incarnation).setAt(state.now()).setDetail(detail).build();
    }

    /** What the record of a node proves of a life of a job there; empty: the life may run. */
    public static Optional<Proof> ofNode(Transaction state, String name, Job job, long incarnation) {
        Optional<Node> node = state.node(name);
        if (node.isEmpty()) {
            return Optional.empty();
        }
        Proof proof = node.get().getProof();
        boolean proven =
                switch (proof.getKind()) {
                    case PROOF_LEASE -> keepsLease(job);
                    case PROOF_CLOUD, PROOF_OPERATOR, PROOF_RECEIPT -> true;
                    // Declared dead by a Ferry that did not write down why.
                    case PROOF_UNSPECIFIED, UNRECOGNIZED -> node.get().getState() == NodeState.DEAD;
                };
        return proven ? Optional.of(proof.toBuilder().setNode(name).setIncarnation(incarnation).build()) : Optional.empty();
    }

    /** Whether a job is frozen when its node can't renew its lease. */
    public static boolean keepsLease(Job job) {
        return job.getSpec().getOnPartition() != OnPartition.CONTINUE_ON_PARTITION;
    }
}
