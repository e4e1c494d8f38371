package dev.ferry.node.doctor;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.node.NodeConfig;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.node.gpu.GpuNode;
import dev.ferry.node.hooks.EvacuationHooks;
import dev.ferry.node.hooks.Hooks;
import dev.ferry.node.jobs.JobRegistry;
import dev.ferry.node.jobs.DumpSpeeds;
import dev.ferry.node.jobs.NodeContext;
import dev.ferry.node.memory.PreCopyConfig;
import dev.ferry.node.jobs.Outbox;
import dev.ferry.node.peers.Peers;
import dev.ferry.node.policy.NodePolicy;
import dev.ferry.node.sandbox.Sandbox;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.DumpJob;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.KillJob;
import dev.ferry.proto.v1.RestoreJob;
import dev.ferry.proto.v1.StartJob;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Saves and restores a small job in a folder of its own, with the very parts that a node's daemon uses. */
final class SelfTest {
    private static final Duration EACH = Duration.ofSeconds(60);
    private static final int BUFFERS = 32;

    private final JobRegistry registry;
    private final BlockingQueue<CommandResult> results;
    private final String job = Ids.newJob();
    private final JobSpec spec = JobSpec.newBuilder().setName("doctor").addCommand("/bin/sh").addCommand("-c").addCommand("while :; do sleep 1; done").build();

    private SelfTest(JobRegistry registry, BlockingQueue<CommandResult> results) {
        this.registry = registry;
        this.results = results;
    }

    static Check run(NodeConfig config, CriuBinary criu) throws Exception {
        Path folder = Files.createTempDirectory("ferry-doctor-");
        CgroupLayout layout = CgroupLayout.ofThisMachine();
        String group = config.cgroup() + "-doctor-" + Ids.random(4);
        Path runc = Machine.findRunc(config.runc());
        BlockingQueue<CommandResult> results = new LinkedBlockingQueue<>();
        try (ObjectStore store = Stores.open(StoreConfig.ofUrl("file://" + folder.resolve("store")))) {
            GpuNode none = GpuNode.none("the self-test needs none");
            Hooks hooks = Hooks.open(List.of(), layout, group, folder.resolve("hooks"));
            NodeContext context =
                    new NodeContext(
                            "doctor", folder, layout, group, new Sandbox(runc, folder.resolve("runc")), criu, new Images(store),
                            new BufferPool(BUFFERS, Images.WINDOW_BYTES), DumpSpeeds.open(folder.resolve("dump-speeds")), PreCopyConfig.defaults(), Machine.facts(layout, criu, runc, none), NodePolicy.hiding(List.of(folder)), EACH, Outbox.ofResults(results::add), none, () -> false, hooks, new EvacuationHooks(hooks, "doctor", folder.resolve("evacuations")), new Peers(Optional.empty()));
            try (JobRegistry registry = new JobRegistry(context)) {
                return new SelfTest(registry, results).cycle();
            }
        } finally {
            new JobCgroup(layout, group).remove();
            delete(folder);
        }
    }

    private Check cycle() throws InterruptedException {
        long began = System.nanoTime();
        int life = 1;
        try {
            order(life, command(life, "start").setStart(StartJob.newBuilder().setSpec(spec)));
            CommandResult dumped =
                    order(life, command(life, "dump").setDump(DumpJob.newBuilder().setSpec(spec).setImage(Ids.image(job, 1)).setSequence(1).setStayFrozen(true)));
            order(life, command(life, "kill").setKill(KillJob.newBuilder().setDiscard(true)));
            life = 2;
            order(life, command(life, "restore").setRestore(RestoreJob.newBuilder().setSpec(spec).setImage(Ids.image(job, 1))));
            long millis = (System.nanoTime() - began) / 1_000_000;
            return Check.ok(
                    "save, restore", "a small job was started, saved (frozen " + dumped.getImage().getFreezeMicros() / 1000 + " ms), killed and restored in " + millis + " ms");
        } finally {
            order(life, command(life, "end").setKill(KillJob.newBuilder().setDiscard(true)));
        }
    }

    private Command.Builder command(int life, String step) {
        return Command.newBuilder().setId("doctor/" + step + "/" + life).setJob(job).setIncarnation(life).setDeadlineMillis(EACH.toMillis());
    }

    private CommandResult order(int life, Command.Builder command) throws InterruptedException {
        registry.submit(command.build());
        CommandResult result = results.poll(EACH.toSeconds() + 5, TimeUnit.SECONDS);
        if (result == null) {
            throw new FerryException(ErrorCode.DEADLINE_EXCEEDED, command.getId() + " of the small job was not done within " + EACH.toSeconds() + " s");
        }
        if (result.hasError()) {
            throw new FerryException(result.getError());
        }
        registry.acknowledged(result.getId());
        return result;
    }

    private static void delete(Path folder) throws IOException {
        try (var files = Files.walk(folder, new FileVisitOption[0])) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
