package dev.ferry.node.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Ids;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.journal.Journal;
import dev.ferry.node.journal.SpareFiles;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ForgetJob;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.KillJob;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.StartJob;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node whose data lie on a real disk of which nothing is left. */
class FullDiskIT {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final String JOB = "j-aaaaaaaa";

    private final String cgroup = "ferry-test-" + Ids.random(6);
    /** What the coordinator is told of its orders. */
    private final List<CommandResult> results = new CopyOnWriteArrayList<>();
    private final Outbox said = Outbox.ofResults(results::add);
    @TempDir Path folder;
    private Path disk;
    private JobCgroup node;
    private JobRegistry jobs;

    @BeforeEach
    void open() throws Exception {
        disk = Files.createDirectory(folder.resolve("disk"));
        must("mount", "-t", "tmpfs", "-o", "size=16m", "ferry-test-disk", disk.toString());
        node = new JobCgroup(CgroupLayout.ofThisMachine(), cgroup);
        jobs = new JobRegistry(BareNode.context(disk, CgroupLayout.ofThisMachine(), cgroup, SOON, said));
    }

    @AfterEach
    void close() throws Exception {
        jobs.close();
        node.killAll();
        node.remove();
        must("umount", "--lazy", disk.toString());
    }

    private static void must(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as("%s: %s", String.join(" ", command), output).isZero();
    }

    private Path home() {
        return disk.resolve("jobs").resolve(JOB);
    }

    private void fill() throws IOException {
        try (FileChannel file = FileChannel.open(disk.resolve("full"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            while (true) {
                int ignored = file.write(ByteBuffer.allocate(4096));
            }
        } catch (IOException full) {
            assertThat(full).hasMessageContaining("No space left");
        }
    }

    private long spares() throws IOException {
        try (var files = Files.list(disk.resolve("spare"))) {
            return files.count();
        }
    }

    private Journal journal(LocalState state) throws IOException {
        Files.createDirectories(home().resolve("work"));
        Journal journal = Journal.create(home(), JOB, new SpareFiles(disk.resolve("spare")));
        var ignored = journal.change(record -> record.setIncarnation(1).setHighestIncarnation(1).setState(state).addResults(CommandResult.newBuilder().setId("op-1/START/1")));
        return journal;
    }

    private static Command.Builder order(String id) {
        return Command.newBuilder().setId(id).setJob(JOB).setIncarnation(1).setDeadlineMillis(SOON.toMillis());
    }

    private CommandResult ordered(Command.Builder command) {
        jobs.submit(command.build());
        await().atMost(SOON).until(() -> results.stream().anyMatch(result -> result.getId().equals(command.getId())));
        return results.stream().filter(result -> result.getId().equals(command.getId())).findFirst().orElseThrow();
    }

    /** From the moment on in which a file is there it takes each byte that is given back to the disk. */
    private Process writesForEver() throws Exception {
        JobCgroup group = new JobCgroup(CgroupLayout.ofThisMachine(), cgroup + "/" + JOB);
        group.createFolders();
        String script = "x=$(head -c 4000 /dev/zero | tr '\\0' x); until [ -e \"$0.begins\" ]; do sleep 0.1; done; while :; do echo \"$x\"; done >> \"$0\" 2>/dev/null";
        Process writes = new ProcessBuilder(List.of("sh", "-c", script, home().resolve("work").resolve("all").toString())).start();
        for (Path file : group.joinFiles()) {
            Files.writeString(file, Long.toString(writes.pid()));
        }
        return writes;
    }

    @Test
    void theJobThatHasFilledItIsKilledAndForgotten() throws Exception {
        Journal journal = journal(LocalState.LOCAL_RUNNING);
        Process writes = writesForEver();
        JobProcess process = JobProcess.of(Math.toIntExact(writes.pid()));
        // Held: a daemon that comes up does not let it go on, nor stop it.
        var unused = journal.change(record -> LocalJob.setProcess(record.setHeld(true), process));
        jobs.recover();
        long kept = spares();
        Files.createFile(home().resolve("work").resolve("all.begins"));
        await().atMost(SOON).until(() -> disk.toFile().getUsableSpace() == 0);
        CommandResult killed = ordered(order("op-2/KILL/1").setKill(KillJob.newBuilder().setDiscard(true)));
        assertThat(killed.hasError()).as(killed.toString()).isFalse();
        assertThat(killed.getJob().getState()).isEqualTo(LocalState.LOCAL_KILLED);
        assertThat(writes.waitFor(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
        await().atMost(SOON).until(() -> !Files.exists(home().resolve("work")));
        assertThat(spares()).isLessThan(kept);
        CommandResult forgotten = ordered(order("op-3/FORGET/1").setForget(ForgetJob.getDefaultInstance()));
        assertThat(forgotten.hasError()).as(forgotten.toString()).isFalse();
        assertThat(home()).doesNotExist();
        // There is room again, also for what is kept.
        new SpareFiles(disk.resolve("spare")).fill();
        assertThat(spares()).isEqualTo(kept);
    }

    /** A mount that is not there lets a start fail that is begun. */
    @Test
    void aStartIsRefusedAndMayComeAgain() throws Exception {
        jobs.recover();
        long kept = spares();
        fill();
        JobSpec spec = JobSpec.newBuilder().addCommand("/bin/true").addMounts(Mount.newBuilder().setSource("/nowhere").setDestination("/data")).build();
        CommandResult refused = ordered(order("op-1/START/1").setStart(StartJob.newBuilder().setSpec(spec)));
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.DISK_FULL);
        assertThat(refused.getError().getMessage()).contains(home().toString());
        assertThat(refused.hasJob()).isFalse();
        assertThat(jobs.reports()).isEmpty();
        assertThat(jobs.openCommands()).isEmpty();
        assertThat(home()).doesNotExist();
        assertThat(spares()).as("for who makes room").isEqualTo(kept);
        Files.delete(disk.resolve("full"));
        results.clear();
        assertThat(ordered(order("op-1/START/1").setStart(StartJob.newBuilder().setSpec(spec))).getError().getMessage()).contains("/nowhere");
    }

    /** The link would end at what is thrown. */
    @Test
    void anAcknowledgementThatCanNotBeWrittenIsWrittenLater() throws Exception {
        var ignored = journal(LocalState.LOCAL_EXITED);
        jobs.recover();
        fill();
        jobs.acknowledged("op-1/START/1");
        assertThat(jobs.unacknowledged()).hasSize(1);
        Files.delete(disk.resolve("full"));
        jobs.acknowledged("op-1/START/1");
        assertThat(jobs.unacknowledged()).isEmpty();
    }
}
