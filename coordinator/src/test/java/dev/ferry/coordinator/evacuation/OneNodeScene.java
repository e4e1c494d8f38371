package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.ListEvacuationsRequest;
import dev.ferry.proto.v1.NodeNotices;
import dev.ferry.proto.v1.Notice;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A coordinator with one node, {@code node-1}, for tests of what becomes of that node's jobs; both are new for each test. */
abstract class OneNodeScene {
    /** The coordinator's data are in it. */
    @TempDir Path folder;

    CoordinatorScene scene;
    FakeNode one;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        one = scene.add("node-1");
    }

    @AfterEach
    void close() {
        scene.close();
    }

    /** Says that of the machine of node-1 these stand, and nothing else. */
    void announce(Notice.Builder... standing) {
        NodeNotices.Builder told = NodeNotices.newBuilder().addSources("aws-spot").addSources("aws-maintenance").addSources("aws-rebalance");
        for (Notice.Builder each : standing) {
            told.addStanding(each);
        }
        one.announce(told.build());
    }

    List<Evacuation> evacuations() {
        return scene.stub().listEvacuations(ListEvacuationsRequest.getDefaultInstance()).getEvacuationsList();
    }
}
