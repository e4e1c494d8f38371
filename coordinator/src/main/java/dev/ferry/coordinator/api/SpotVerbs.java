package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.evacuation.Evacuations;
import dev.ferry.coordinator.evacuation.Notices;
import dev.ferry.coordinator.evacuation.Policies;
import dev.ferry.coordinator.evacuation.Pools;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.ConfirmGoneRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.EvacuateNodeRequest;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.GetEvacuationRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.JobPolicy;
import dev.ferry.proto.v1.ListEvacuationsRequest;
import dev.ferry.proto.v1.ListEvacuationsResponse;
import dev.ferry.proto.v1.ListNoticesRequest;
import dev.ferry.proto.v1.ListNoticesResponse;
import dev.ferry.proto.v1.ListPoolsResponse;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.SetJobPolicyRequest;
import java.time.Duration;

/** What can be asked about machines that go away. */
public final class SpotVerbs {
    private static final int LONGEST = 200;

    private final StateStore store;
    private final Notices notices;
    private final Evacuations evacuations;
    private final NodeDirectory directory;
    private final Policies policies;

    public SpotVerbs(StateStore store, Notices notices, Evacuations evacuations, NodeDirectory directory, Policies policies) {
        this.store = store;
        this.notices = notices;
        this.evacuations = evacuations;
        this.directory = directory;
        this.policies = policies;
    }

    /**
     * @throws FerryException NODE_NOT_FOUND
     */
    public ListNoticesResponse notices(ListNoticesRequest request) {
        return notices.list(known(request.getNode()), request.getAll());
    }

    private String known(String node) {
        return node.isEmpty() ? "" : store.transact(state -> NodeDirectory.node(state, node)).getName();
    }

    /**
     * @throws FerryException INVALID_ARGUMENT, NODE_NOT_FOUND, NODE_DOWN
     */
    public Evacuation evacuate(EvacuateNodeRequest request) {
        if (request.getDeadlineMillis() < 0 || request.getDeadlineMillis() > Notices.LONGEST.toMillis()) {
            throw new FerryException(
                    ErrorCode.INVALID_ARGUMENT, "The deadline must not be before now, nor more than " + Notices.LONGEST.toDays() + " days ahead: " + request.getDeadlineMillis() + " ms");
        }
        if (request.getReason().length() > LONGEST || !request.getEvent().matches("[A-Za-z0-9._:-]{0," + LONGEST + "}")) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "A reason has at most " + LONGEST + " characters; an event is made of letters, digits, '.', '_', ':' and '-', at most " + LONGEST);
        }
        Duration deadline = request.getDeadlineMillis() == 0 ? evacuations.usualNotice() : Duration.ofMillis(request.getDeadlineMillis());
        return request.getDryRun() ? evacuations.dryRun(request.getNode(), deadline, request.getReason()) : evacuations.evacuate(request.getNode(), deadline, request.getReason(), request.getEvent());
    }

    /** Ends an evacuation that an operator asked for. */
    void takeBack(String node) {
        evacuations.takeBack(known(node));
    }

    /**
     * @throws FerryException NODE_NOT_FOUND
     */
    public ListEvacuationsResponse evacuations(ListEvacuationsRequest request) {
        return ListEvacuationsResponse.newBuilder().addAllEvacuations(evacuations.list(known(request.getNode()), request.getOpenOnly())).build();
    }

    /**
     * @throws FerryException EVACUATION_NOT_FOUND
     */
    public Evacuation evacuation(GetEvacuationRequest request) {
        return evacuations.one(request.getEvacuation());
    }

    /** How often images of a job are made while it runs, and why. */
    public JobPolicy policy(GetJobRequest request) {
        return store.transact(state -> policies.show(state, JobNames.job(state, request.getJob())));
    }

    /**
     * Changes how often images of a job are made.
     *
     * @throws FerryException JOB_NOT_FOUND, INVALID_ARGUMENT
     */
    public JobPolicy setPolicy(SetJobPolicyRequest request) {
        return store.transact(state -> policies.set(state, JobNames.job(state, request.getJob()), request.getCheckpoint(), request.getMostFrozen()));
    }

    /** Every pool, with how often its machines are taken away. */
    public ListPoolsResponse pools() {
        return ListPoolsResponse.newBuilder().addAllPools(store.transact(Pools::all)).build();
    }

    /**
     * @throws FerryException NODE_NOT_FOUND, INVALID_ARGUMENT
     */
    public Node confirmGone(ConfirmGoneRequest request) {
        evacuations.confirmGone(request.getNode(), request.getSource(), request.getEvidence());
        return store.transact(state -> directory.complete(state, NodeDirectory.node(state, request.getNode())));
    }
}
