package dev.ferry.node.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A node's groups on the real kernel, while jobs come and go in them. */
class JobCgroupIT {
    private static final Duration SOON = Duration.ofSeconds(10);
    private static final int LOOKS = 2000;
    private static final long CPU_MILLIS = 1000;
    private static final long MEMORY = 256L << 20;

    private CgroupLayout layout;
    private JobCgroup node;
    private JobCgroup job;

    @BeforeEach
    void make() throws Exception {
        layout = CgroupLayout.ofThisMachine();
        String path = "ferry-test-" + Ids.random(6);
        node = new JobCgroup(layout, path);
        job = new JobCgroup(layout, path + "/j-test");
        node.create(CPU_MILLIS, MEMORY);
    }

    @AfterEach
    void remove() throws Exception {
        node.killAll();
        node.remove();
    }

    @Test
    void aJobThatEndsWhileItsNodeIsClearedIsPassedOver() throws Exception {
        AtomicBoolean looked = new AtomicBoolean();
        CompletableFuture<Void> comesAndGoes =
                CompletableFuture.runAsync(
                        () -> {
                            while (!looked.get()) {
                                for (Path hierarchy : layout.hierarchies()) {
                                    Path group = hierarchy.resolve(job.path().substring(1));
                                    assertThat(group.toFile().mkdir()).isTrue();
                                    assertThat(group.toFile().delete()).isTrue();
                                }
                            }
                        });
        try {
            for (int look = 0; look < LOOKS; look++) {
                node.killAll();
                assertThat(node.isEmpty()).isTrue();
            }
        } finally {
            looked.set(true);
            comesAndGoes.join();
        }
    }

    @Test
    void aFrozenJobBelowIsKilledToo() throws Exception {
        job.create(CPU_MILLIS, MEMORY);
        Process sleeper = new ProcessBuilder(List.of("sleep", "600")).start();
        for (Path file : job.joinFiles()) {
            Files.writeString(file, Long.toString(sleeper.pid()));
        }
        assertThat(node.isEmpty()).isFalse();
        job.freeze(SOON);
        node.killAll();
        assertThat(sleeper.waitFor(SOON)).isTrue();
        assertThat(sleeper.exitValue()).isEqualTo(128 + 9);
        assertThat(job.awaitEmpty(SOON)).isTrue();
    }

    /** What an operation has frozen is its own affair, and what the node's lease has frozen is the lease's. */
    @Test
    void aJobThatIsFrozenFromAboveIsNotFrozenItself() throws Exception {
        job.create(CPU_MILLIS, MEMORY);
        node.freeze(SOON);
        assertThat(job.isFrozen()).isFalse();
        assertThat(job.isHeldFromAbove()).isTrue();
        job.freeze(SOON);
        assertThat(job.isFrozen()).isTrue();
        node.thaw(SOON);
        assertThat(job.isFrozen()).isTrue();
        assertThat(job.isHeldFromAbove()).isFalse();
        node.freeze(SOON);
        job.thaw(SOON);
        assertThat(job.isFrozen()).isFalse();
    }

    @Test
    void whatIsHeldIsNotThawed() throws Exception {
        AtomicBoolean held = new AtomicBoolean();
        JobCgroup guarded = new JobCgroup(layout, job.path().substring(1), held::get);
        guarded.create(CPU_MILLIS, MEMORY);
        guarded.freeze(SOON);
        held.set(true);
        assertThatThrownBy(() -> guarded.thaw(SOON)).isInstanceOf(FerryException.class).hasMessageContaining("held");
        assertThat(guarded.isFrozen()).isTrue();
        held.set(false);
        guarded.thaw(SOON);
        assertThat(guarded.isFrozen()).isFalse();
    }

    /** Another daemon, whose journal is older than the hold, must not thaw what it finds. */
    @Test
    void aHoldOutlivesWhatTheJournalSays() throws Exception {
        job.create(CPU_MILLIS, MEMORY);
        job.hold();
        JobCgroup found = new JobCgroup(layout, job.path().substring(1), () -> false);
        assertThat(found.isHeld()).isTrue();
        assertThatThrownBy(() -> found.thaw(SOON)).isInstanceOf(FerryException.class).hasMessageContaining("held");
        assertThat(found.isFrozen()).isTrue();
        found.letGo();
        found.thaw(SOON);
        assertThat(found.isFrozen()).isFalse();
        found.hold();
        found.remove();
        found.create(CPU_MILLIS, MEMORY);
        assertThat(found.isHeld()).isFalse();
    }
}
