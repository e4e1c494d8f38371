package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.EstimateText;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.CheckpointEstimate;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.RestoreJobRequest;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Verbs that save, stop, move and bring back jobs. */
public final class MoveVerbs {
    private MoveVerbs() {}

    /** Begins operations and follows them. */
    abstract static class Move implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--detach", description = "Print the operation and return; 'ferry operation watch ID' follows it.")
        private boolean detach;

        /** What is moved. */
        abstract List<String> names();

        abstract Function<FerryGrpc.FerryBlockingStub, Operation> request(String name);

        /** Whether another operation on the job is waited for, unless this one is not either. */
        boolean waits() {
            return false;
        }

        /** What must be asked before. */
        void prepare(Client client) {}

        ServerOption server() {
            return server;
        }

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                prepare(client);
                return Operations.each(server, client, names(), detach, waits(), this::request);
            }
        }
    }

    /** As {@link Move}, of one or more jobs. */
    abstract static class MoveAll extends Move {
        @Parameters(paramLabel = "JOB", arity = "1..*", description = "Names, ids or begins of ids.")
        private List<String> jobs = new ArrayList<>();

        @Override
        List<String> names() {
            return jobs;
        }
    }

    /** As {@link Move}, of one job. */
    abstract static class MoveOne extends Move {
        abstract String name();

        @Override
        List<String> names() {
            return List.of(name());
        }
    }

    /** {@code ferry checkpoint}. */
    @Command(name = "checkpoint", description = "Saves jobs into the store; they run on.", footer = {"", "Examples:", "  ferry checkpoint train", "  ferry checkpoint --dry-run train"})
    public static final class Checkpoint extends MoveAll {
        @Option(names = "--dry-run", description = "Saves nothing; tells how long the job would stand still.")
        private boolean dryRun;

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request(String job) {
            return stub -> stub.checkpointJob(asked(job));
        }

        private CheckpointJobRequest asked(String job) {
            return CheckpointJobRequest.newBuilder().setJob(job).build();
        }

        @Override
        public Integer call() {
            if (!dryRun) {
                return super.call();
            }
            try (Client client = server().connect()) {
                return OneByOne.each(names(), job -> estimate(client, job));
            }
        }

        private void estimate(Client client, String job) {
            CheckpointEstimate estimate = client.ask(stub -> stub.estimateCheckpoint(asked(job)));
            server().print(estimate, () -> EstimateText.of(estimate));
        }
    }

    /** {@code ferry suspend}. */
    @Command(
            name = "suspend",
            description = {"Saves jobs into the store and stops them; they take no room then.", "An operation on one that has not ended is waited for, unless with --detach."},
            footer = {"", "Examples:", "  ferry suspend train", "  ferry suspend --park train"})
    public static final class Suspend extends MoveAll {
        @Option(names = "--park", description = "Only as far as main memory: its GPUs are free for the next job at once, its processes stay frozen on their node. A second 'ferry suspend' saves it from there.")
        private boolean park;

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request(String job) {
            return stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(job).setPark(park).build());
        }

        @Override
        boolean waits() {
            return true;
        }
    }

    /** {@code ferry resume}. */
    @Command(name = "resume", description = "Lets a suspended or parked job go on.", footer = {"", "Example:", "  ferry resume train --node node-2"})
    public static final class Resume extends MoveOne {
        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Option(names = "--node", description = "On this node; else where there is room.", defaultValue = "")
        private String node = "";

        @Override
        String name() {
            return job;
        }

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request(String name) {
            return stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(name).setNode(node).build());
        }
    }

    /** {@code ferry migrate}. */
    @Command(
            name = "migrate",
            description = "Moves a running job to another node.",
            footer = {"", "Examples:", "  ferry migrate train --to node-2", "  ferry migrate train --no-live"})
    public static final class Migrate extends MoveOne {
        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Option(
                names = "--live",
                negatable = true,
                description = "Copy its memory ahead while it runs, within the limits of its node's 'preCopy': it stands still for less. A job that writes too fast for that is moved as without it. Default: where it has no image yet and that saves a second or more.")
        private @Nullable Boolean live;

        @Option(names = "--to", paramLabel = "NODE", description = "To this node; else where there is room.", defaultValue = "")
        private String to = "";

        @Override
        String name() {
            return job;
        }

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request(String name) {
            return stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(name).setTo(to).setLive(Boolean.TRUE.equals(live)).build());
        }

        @Override
        void prepare(Client client) {
            if (live != null) {
                return;
            }
            try {
                CheckpointEstimate estimate = client.ask(stub -> stub.estimateCheckpoint(CheckpointJobRequest.newBuilder().setJob(job).build()));
                if (LiveChoice.pays(estimate)) {
                    live = true;
                    System.err.println("ferry: its memory is copied ahead while it runs: it stands still for about " + Texts.micros(LiveChoice.saved(estimate.getDump()).toNanos() / 1000) + " less (--no-live: moves it at once)");
                }
            } catch (FerryException untold) {
                // Whatever is wrong with the job or its node is said of the migration itself.
            }
        }
    }

    /** {@code ferry restore}. */
    @Command(
            name = "restore",
            description = "Brings a job back from an image: a lost one, a suspended one, or one that has ended.",
            footer = {"", "Examples:", "  ferry restore train", "  ferry restore j-abcdefgh.3 --node node-2"})
    public static final class Restore extends MoveOne {
        @Parameters(paramLabel = "IMAGE|JOB", description = "An image, or a job, whose latest image is meant.")
        private String what = "";

        @Option(names = "--node", description = "On this node; else where there is room.", defaultValue = "")
        private String node = "";

        @Override
        String name() {
            return what;
        }

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request(String name) {
            return stub -> stub.restoreJob(RestoreJobRequest.newBuilder().setJobOrImage(name).setNode(node).build());
        }
    }
}
