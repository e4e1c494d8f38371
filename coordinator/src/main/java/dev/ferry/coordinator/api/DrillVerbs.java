package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.evacuation.DrillConfig;
import dev.ferry.coordinator.evacuation.Drills;
import dev.ferry.coordinator.nodes.NodeDirectory;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillNodeRequest;
import dev.ferry.proto.v1.DrillRestoreRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetDrillRequest;
import dev.ferry.proto.v1.ListDrillsRequest;
import dev.ferry.proto.v1.ListDrillsResponse;
import java.time.Duration;

/** What can be asked about rehearsals. */
public final class DrillVerbs {
    private static final Duration LONGEST_NOTICE = Duration.ofHours(24);

    private final StateStore store;
    private final Drills drills;

    public DrillVerbs(StateStore store, Drills drills) {
        this.store = store;
        this.drills = drills;
    }

    /**
     * @throws FerryException INVALID_ARGUMENT, NODE_NOT_FOUND, NODE_DOWN, OPERATION_IN_PROGRESS
     */
    public Drill drillNode(DrillNodeRequest request) {
        if (request.getNoticeMillis() < 0 || request.getNoticeMillis() > LONGEST_NOTICE.toMillis()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The notice of a drill is at most " + LONGEST_NOTICE.toHours() + " hours, not " + request.getNoticeMillis() + " ms");
        }
        return drills.drillNode(request.getNode(), request.getNoticeMillis() == 0 ? drills.usualNotice() : Duration.ofMillis(request.getNoticeMillis()));
    }

    /**
     * @throws FerryException INVALID_ARGUMENT, OPERATION_IN_PROGRESS
     */
    public Drill drillRestore(DrillRestoreRequest request) {
        if (request.getSample() < 0 || request.getSample() > DrillConfig.MOST_IMAGES) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "A drill tries at most " + DrillConfig.MOST_IMAGES + " images, not " + request.getSample());
        }
        return drills.drillRestore(request.getSample() == 0 ? drills.usualSample() : request.getSample());
    }

    /**
     * @throws FerryException NODE_NOT_FOUND
     */
    public ListDrillsResponse list(ListDrillsRequest request) {
        String node = request.getNode().isEmpty() ? "" : store.transact(state -> NodeDirectory.node(state, request.getNode())).getName();
        return ListDrillsResponse.newBuilder().addAllDrills(drills.list(node)).build();
    }

    /**
     * @throws FerryException DRILL_NOT_FOUND
     */
    public Drill one(GetDrillRequest request) {
        return drills.one(request.getDrill());
    }
}
