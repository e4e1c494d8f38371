package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.RestoreJobRequest;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Verbs that save, stop, move and bring back jobs. */
public final class MoveVerbs {
    private MoveVerbs() {}

    /** Begins an operation and follows it. */
    abstract static class Move implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--detach", description = "Print the operation and return; 'ferry operation show ID' tells how far it is.")
        private boolean detach;

        abstract Function<FerryGrpc.FerryBlockingStub, Operation> request();

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Operation begun = client.ask(request());
                if (!detach) {
                    return Operations.follow(server, client, begun);
                }
                server.print(begun, () -> begun.getId() + "\n");
                return 0;
            }
        }
    }

    /** {@code ferry checkpoint}. */
    @Command(name = "checkpoint", description = "Saves a job into the store; the job runs on.", footer = {"", "Example:", "  ferry checkpoint train"})
    public static final class Checkpoint extends Move {
        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request() {
            return stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job).build());
        }
    }

    /** {@code ferry suspend}. */
    @Command(name = "suspend", description = "Saves a job into the store and stops it; it takes no room then.", footer = {"", "Example:", "  ferry suspend train"})
    public static final class Suspend extends Move {
        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request() {
            return stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(job).build());
        }
    }

    /** {@code ferry resume}. */
    @Command(name = "resume", description = "Lets a suspended job go on.", footer = {"", "Example:", "  ferry resume train --node node-2"})
    public static final class Resume extends Move {
        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Option(names = "--node", description = "On this node; else where there is room.", defaultValue = "")
        private String node = "";

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request() {
            return stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job).setNode(node).build());
        }
    }

    /** {@code ferry migrate}. */
    @Command(name = "migrate", description = "Moves a running job to another node.", footer = {"", "Example:", "  ferry migrate train --to node-2"})
    public static final class Migrate extends Move {
        @Parameters(paramLabel = "JOB", description = "Name, id or begin of an id.")
        private String job = "";

        @Option(names = "--to", paramLabel = "NODE", description = "To this node; else where there is room.", defaultValue = "")
        private String to = "";

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request() {
            return stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job).setTo(to).build());
        }
    }

    /** {@code ferry restore}. */
    @Command(
            name = "restore",
            description = "Brings a job back from an image: a lost one, a suspended one, or one that has ended.",
            footer = {"", "Examples:", "  ferry restore train", "  ferry restore j-abcdefgh.3 --node node-2"})
    public static final class Restore extends Move {
        @Parameters(paramLabel = "IMAGE|JOB", description = "An image, or a job, whose latest image is meant.")
        private String what = "";

        @Option(names = "--node", description = "On this node; else where there is room.", defaultValue = "")
        private String node = "";

        @Override
        Function<FerryGrpc.FerryBlockingStub, Operation> request() {
            return stub -> stub.restoreJob(RestoreJobRequest.newBuilder().setJobOrImage(what).setNode(node).build());
        }
    }
}
