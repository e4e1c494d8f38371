package dev.ferry.coordinator.nodes;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.operations.Proofs;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Whether a daemon is the one that had a node's jobs. One of another data folder, which holds the journals, knows nothing of them: its silence on a job is no receipt, nor is its answer that what it
 * shall kill is not there. The jobs may run on the machine, or the disk, that had the name before.
 */
final class SameFolder {
    private SameFolder() {}

    /**
     * @throws FerryException WRONG_STATE: lives that were on the node are not proven to have stopped
     */
    static void require(Transaction state, Hello hello) {
        String before = state.node(hello.getNode()).map(node -> node.getFacts().getDataId()).orElse("");
        String now = hello.getFacts().getDataId();
        if (before.isEmpty() || now.isEmpty() || before.equals(now)) {
            return;
        }
        Stream<String> there =
                state.liveJobs().stream()
                        .filter(job -> job.getNode().equals(hello.getNode()) && JobStates.isOnNode(job.getState()))
                        .filter(job -> Proofs.ofNode(state, hello.getNode(), job, job.getIncarnation()).isEmpty())
                        .map(Job::getId);
        Stream<String> left = state.openOperations().stream().filter(operation -> leaves(state, operation, hello.getNode())).map(Operation::getJob);
        List<String> open = Stream.concat(there, left).distinct().toList();
        if (!open.isEmpty()) {
            throw new FerryException(
                    ErrorCode.WRONG_STATE,
                    "This daemon's data folder is another one than that of node "
                            + hello.getNode()
                            + " so far, whose jobs "
                            + String.join(", ", open)
                            + " may still run there. It is taken in when their lease has ended, or after 'ferry node declare-dead "
                            + hello.getNode()
                            + " --i-have-checked'; or give this machine another name");
        }
    }

    /** Whether an operation has committed that a life there is over, and nobody has said yet that it is dead. */
    private static boolean leaves(Transaction state, Operation operation, String node) {
        Optional<Job> job = state.job(operation.getJob());
        if (!operation.getSourceNode().equals(node) || operation.hasProof() || job.isEmpty()) {
            return false;
        }
        boolean committed = operation.getKillCommitAt() != 0 || job.get().getIncarnation() != operation.getIncarnation();
        return committed && Proofs.ofNode(state, node, job.get(), operation.getIncarnation()).isEmpty();
    }
}
