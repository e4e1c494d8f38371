package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What runs in the control group of a job that a daemon knows nothing of, on the real kernel. */
class StraysIT {
    private static final Duration SOON = Duration.ofSeconds(10);

    private final String path = "ferry-test-" + Ids.random(6);
    private CgroupLayout layout;
    private JobCgroup node;

    @BeforeEach
    void make() throws Exception {
        layout = CgroupLayout.ofThisMachine();
        node = new JobCgroup(layout, path);
    }

    @AfterEach
    void remove() throws Exception {
        node.killAll();
        node.remove();
    }

    private Process runs(String job) throws Exception {
        JobCgroup group = new JobCgroup(layout, path + "/" + job);
        group.createFolders();
        Process sleeper = new ProcessBuilder(List.of("sleep", "600")).start();
        for (Path file : group.joinFiles()) {
            Files.writeString(file, Long.toString(sleeper.pid()));
        }
        return sleeper;
    }

    /** Of a daemon whose folder was lost: its successor says that nothing is here, and the job lives elsewhere. */
    @Test
    void whatNoJournalKnowsIsKilled() throws Exception {
        Process known = runs("j-aaaaaaaa");
        Process stray = runs("j-bbbbbbbb");
        Process other = runs("another-node");
        new JobCgroup(layout, path + "/j-bbbbbbbb").freeze(SOON);
        Strays.end(layout, path, "j-aaaaaaaa"::equals);
        assertThat(stray.waitFor(SOON)).isTrue();
        assertThat(known.isAlive()).isTrue();
        assertThat(other.isAlive()).isTrue();
        assertThat(node.names()).containsExactlyInAnyOrder("j-aaaaaaaa", "another-node");
    }

    @Test
    void aNodeWithoutAGroupHasNone() {
        Strays.end(layout, path + "-absent", job -> false);
        assertThat(new JobCgroup(layout, path + "-absent").exists()).isFalse();
    }
}
