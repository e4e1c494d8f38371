package dev.ferry.node.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** A group whose kernel does not do what it is told: a folder whose files are the test's. */
class UnfrozenTest {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final int FROZEN_AT = 72;

    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
    @TempDir Path folder;
    private Path group;
    private LeaseFile file;

    @BeforeEach
    void open() throws IOException {
        group = Files.createDirectories(folder.resolve("root/node"));
        file = LeaseFile.open(folder);
        lines.start();
        ((Logger) LoggerFactory.getLogger(NodeLease.class)).addAppender(lines);
    }

    /** A watchdog without its group ends. */
    @AfterEach
    void close() throws IOException {
        ((Logger) LoggerFactory.getLogger(NodeLease.class)).detachAppender(lines);
        Files.move(group, folder.resolve("gone"));
        await().atMost(SOON).until(() -> watchdog().running().isEmpty());
    }

    private Watchdog watchdog() {
        return new Watchdog(folder, group, false, file);
    }

    private List<String> said() throws IOException {
        Path log = folder.resolve("watchdog.log");
        return Files.exists(log) ? Files.readAllLines(log) : List.of();
    }

    /** It tries each half millisecond to freeze and each 50 ms to thaw. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatTheKernelRefusesIsSaidOnce(boolean freeze) throws Exception {
        Path refuses = Files.createDirectory(group.resolve("freezer.state"));
        Files.writeString(group.resolve("freezer.self_freezing"), freeze ? "0" : "1");
        file.freezeAt(freeze ? 1 : Long.MAX_VALUE);
        new Watchdog(folder, group, true, file).start();
        await().atMost(SOON).until(() -> file.lookedAt() > 0 && !said().isEmpty());
        long first = file.lookedAt();
        await().atMost(SOON).until(() -> file.lookedAt() - first > 300_000_000);
        assertThat(said()).singleElement().asString().contains(freeze ? "freeze " : "thaw ", group.toString(), "Is a directory");
        Files.delete(refuses);
        await().atMost(SOON).untilAsserted(() -> assertThat(said()).as("another cause").hasSize(2).last().asString().contains("No such file"));
    }

    /** The folder was removed while it was frozen, and made anew. */
    @Test
    void whatAnEarlierGroupWasIsNotThisOnes() throws Exception {
        Files.writeString(group.resolve("cgroup.freeze"), "0");
        try (FileChannel lease = FileChannel.open(folder.resolve("lease"), StandardOpenOption.WRITE)) {
            int ignored = lease.write(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(0, 77), FROZEN_AT);
        }
        assertThat(file.frozenAt()).isEqualTo(77);
        file.freezeAt(Long.MAX_VALUE);
        watchdog().start();
        await().atMost(SOON).until(() -> file.lookedAt() > 0);
        await().atMost(Duration.ofSeconds(2)).until(() -> file.frozenAt() == 0);
    }

    @Test
    void jobsThatTheKernelDoesNotFreezeAreSaidToRun() throws Exception {
        Files.writeString(group.resolve("cgroup.freeze"), "0");
        Files.writeString(group.resolve("cgroup.events"), "populated 1\nfrozen 0\n");
        CgroupLayout layout = new CgroupLayout(Optional.of(folder.resolve("root")), Map.of());
        try (NodeLease lease = NodeLease.open(folder, new JobCgroup(layout, "node"), layout)) {
            lease.renew(lease.clock(), Duration.ofMillis(300));
            await().atMost(SOON).until(() -> !said(Level.ERROR).isEmpty());
            assertThat(said(Level.ERROR)).singleElement().asString().contains("has not frozen the jobs in /node");
            assertThat(said(Level.WARN)).as("nobody says that they are frozen").noneMatch(line -> line.contains("the jobs are frozen"));
            Files.writeString(group.resolve("cgroup.events"), "populated 1\nfrozen 1\n");
            await().atMost(SOON).until(() -> said(Level.WARN).stream().anyMatch(line -> line.contains("the jobs are frozen until")));
            assertThat(said(Level.ERROR)).hasSize(1);
        }
    }

    private List<String> said(Level level) {
        return List.copyOf(lines.list).stream().filter(event -> event.getLevel() == level).map(ILoggingEvent::getFormattedMessage).toList();
    }
}
