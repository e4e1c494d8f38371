package dev.ferry.node;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node whose configuration was changed while its jobs live, on real control groups. */
class NodeIdentityIT {
    @TempDir Path data;
    private CgroupLayout layout;

    @BeforeEach
    void look() throws Exception {
        layout = CgroupLayout.ofThisMachine();
    }

    private void require(String name, String group) throws IOException {
        NodeIdentity.require(data, layout, name, group, cgroup -> cgroup + ".continue");
    }

    @Test
    void nameAndGroupStayAsLongAsAJobLives() throws Exception {
        String old = "ferry-test-" + Ids.random(6);
        JobCgroup job = new JobCgroup(layout, old + ".continue/j-aaaaaaaa");
        require("a", old);
        job.createFolders();
        Process sleeper = new ProcessBuilder("sleep", "600").start();
        try {
            for (Path file : job.joinFiles()) {
                Files.writeString(file, Long.toString(sleeper.pid()));
            }
            require("a", old);
            assertThatThrownBy(() -> require("a", old + "-2")).isInstanceOf(FerryException.class).hasMessageContaining(old).hasMessageContaining("ferry node drain a");
            assertThatThrownBy(() -> require("b", old)).isInstanceOf(FerryException.class).hasMessageContaining("node 'a'");
        } finally {
            int ignored = sleeper.destroyForcibly().waitFor();
            new JobCgroup(layout, old + ".continue").remove();
        }
        require("b", old + "-2");
        require("b", old + "-2");
    }
}
