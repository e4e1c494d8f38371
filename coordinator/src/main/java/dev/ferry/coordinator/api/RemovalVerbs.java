package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.access.NodeIdentities;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.upkeep.EndedJobs;
import dev.ferry.proto.v1.DeleteJobRequest;
import dev.ferry.proto.v1.DeletedJob;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Node;
import java.util.Optional;

/** What removes the records of what is no more: jobs that have ended, nodes that are dead. */
public final class RemovalVerbs {
    private final StateStore store;
    private final EndedJobs ended;
    private final NodeDirectory directory;
    private final Optional<NodeIdentities> identities;

    /**
     * @param identities empty: nodes are not known by certificates
     */
    public RemovalVerbs(StateStore store, EndedJobs ended, NodeDirectory directory, Optional<NodeIdentities> identities) {
        this.store = store;
        this.ended = ended;
        this.directory = directory;
        this.identities = identities;
    }

    /**
     * @throws FerryException as {@link EndedJobs#delete}, AMBIGUOUS_NAME
     */
    public DeletedJob deleteJob(DeleteJobRequest request) {
        return ended.delete(store.transact(state -> JobNames.job(state, request.getJob())).getId(), request.getImages());
    }

    /**
     * Its machine is let in no more first, so that it can't come back between the two; a machine may join under the name by a token for it.
     *
     * @throws FerryException NODE_NOT_FOUND, WRONG_STATE when it is not declared dead, or something may still live there
     */
    public Node removeNode(GetNodeRequest request) {
        directory.requireRemovable(request.getNode());
        identities.ifPresent(known -> known.revokeIfKnown(request.getNode()));
        return directory.remove(request.getNode());
    }
}
