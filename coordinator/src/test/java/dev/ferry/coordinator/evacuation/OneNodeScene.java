package dev.ferry.coordinator.evacuation;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import java.nio.file.Path;
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
}
