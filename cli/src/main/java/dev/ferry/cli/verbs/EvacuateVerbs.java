package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.EvacuationView;
import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.node.NodeConfig;
import dev.ferry.proto.v1.ConfirmGoneRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.EvacuateNodeRequest;
import dev.ferry.proto.v1.Evacuation;
import dev.ferry.proto.v1.EvacuationState;
import dev.ferry.proto.v1.EvacueeState;
import dev.ferry.proto.v1.GetEvacuationRequest;
import dev.ferry.proto.v1.ListEvacuationsRequest;
import dev.ferry.proto.v1.ListEvacuationsResponse;
import dev.ferry.proto.v1.Node;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Verbs that empty a machine that goes away. */
public final class EvacuateVerbs {
    private static final long LOOK_MILLIS = 500;
    private static final int LOST_SOME = 1;

    private static final Path CONFIG = Path.of("/etc/ferry/node.yaml");

    private EvacuateVerbs() {}

    /** {@code ferry evacuate}, and the same as {@code ferry node evacuate}. */
    @Command(
            name = "evacuate",
            description = {
                "Moves a node's jobs away before its machine goes away, and says at once which will not make it.",
                "Jobs that another node has room for run there; the others are stored and go on when there is room.",
                "Returns when no job is left on the machine; the exit status is 1 if one is lost.",
                "It is 75 if the evacuation was taken back: jobs may be on the machine, and it may get new ones."
            },
            footer = {
                "",
                "Examples:",
                "  ferry evacuate --dry-run node-2 --deadline 30s",
                "  ferry node evacuate node-2 --deadline 90s --reason 'rack 7 loses its power'",
                "  ferry node evacuate --self --deadline 90s        from a hook on the machine itself"
            })
    public static final class Evacuate implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", arity = "0..1", description = "Name of the node.", defaultValue = "")
        private String node = "";

        @Option(names = "--self", description = "The node of this machine, by the name and the coordinator in its configuration.")
        private boolean self;

        @Option(names = "--config", paramLabel = "FILE", description = "With --self: the node's configuration; default /etc/ferry/node.yaml.")
        private @Nullable Path config;

        @Option(names = "--deadline", paramLabel = "TIME", description = "How long until the machine goes away, for example 90s; default evacuation.finalNotice of the coordinator.", defaultValue = "")
        private String deadline = "";

        @Option(names = "--reason", paramLabel = "TEXT", description = "For the record.", defaultValue = "")
        private String reason = "";

        @Option(names = "--event", paramLabel = "NAME", description = "Name of what happened: told twice, it is one evacuation.", defaultValue = "")
        private String event = "";

        @Option(names = "--dry-run", description = "Only show what would be done and what would be lost.")
        private boolean dryRun;

        @Option(names = "--detach", description = "Return when it has begun.")
        private boolean detach;

        @Override
        public Integer call() throws InterruptedException {
            if (self != node.isEmpty()) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Name the node, or say --self on the node itself");
            }
            if (config != null && !self) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--config goes with --self: it says which node this machine is");
            }
            NodeConfig own = self ? Configs.load(config == null ? CONFIG : config, NodeConfig.defaults()) : NodeConfig.defaults();
            EvacuateNodeRequest request =
                    EvacuateNodeRequest.newBuilder()
                            .setNode(self ? own.name() : node)
                            .setDeadlineMillis(deadline.isEmpty() ? 0 : Math.max(1, Durations.parse(deadline).toMillis()))
                            .setReason(reason)
                            .setEvent(event)
                            .setDryRun(dryRun)
                            .build();
            try (Client client = self ? server.connectTo(own.coordinator()) : server.connect()) {
                Evacuation begun = client.ask(stub -> stub.evacuateNode(request));
                if (dryRun || detach) {
                    server.print(begun, () -> EvacuationView.text(begun));
                    return 0;
                }
                server.say(EvacuationView.text(begun));
                Evacuation end = follow(client, begun);
                server.print(end, () -> EvacuationView.end(end));
                return status(end);
            }
        }

        /** Whoever switches the machine off at 0 must not find jobs on it. */
        private static int status(Evacuation end) {
            if (end.getJobsList().stream().anyMatch(job -> job.getState() == EvacueeState.IS_LOST)) {
                return LOST_SOME;
            }
            boolean left = end.getJobsList().stream().anyMatch(job -> job.getState() == EvacueeState.STILL_THERE);
            // Of one that was taken back before it began nobody has looked which jobs there are.
            return left || EvacuationView.isTakenBack(end) ? Main.statusOf(new FerryException(ErrorCode.CANCELLED, end.getNode())) : 0;
        }

        /** Until nothing is left on the machine that could be taken away; jobs that are stored may wait for room for long. */
        private Evacuation follow(Client client, Evacuation begun) throws InterruptedException {
            CountDownLatch never = new CountDownLatch(1);
            Evacuation now = begun;
            while (isAtWork(now)) {
                boolean ignored = never.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
                Evacuation before = now;
                now = look(client, begun.getId());
                String changed = EvacuationView.changed(before, now);
                if (!changed.isEmpty()) {
                    server.say("\n" + changed);
                }
            }
            return now;
        }

        private static Evacuation look(Client client, String id) {
            try {
                return client.look(stub -> stub.getEvacuation(GetEvacuationRequest.newBuilder().setEvacuation(id).build()));
            } catch (FerryException unseen) {
                throw Operations.unseen(unseen, "evacuation " + id + " goes on: 'ferry evacuations " + id + "' tells how far it is");
            }
        }

        private static boolean isAtWork(Evacuation now) {
            boolean there = now.getJobsList().stream().anyMatch(job -> job.getState() == EvacueeState.STILL_THERE || job.getState() == EvacueeState.ON_ITS_WAY || job.getState() == EvacueeState.EVACUEE_STATE_UNSPECIFIED);
            return now.getState() == EvacuationState.AWAITED || (now.getState() == EvacuationState.EVACUATING && there);
        }
    }

    /** {@code ferry evacuations}. */
    @Command(
            name = "evacuations",
            description = "Lists evacuations, the newest first, or shows one with each of its jobs.",
            footer = {"", "Examples:", "  ferry evacuations", "  ferry evacuations node-2"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--open", description = "Only those that are not over.")
        private boolean open;

        @Parameters(paramLabel = "ID|NODE", arity = "0..1", description = "This one, or the last one of this node.", defaultValue = "")
        private String which = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                if (!which.isEmpty() && open) {
                    throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--open lists those that are not over; leave out '" + which + "'");
                }
                if (which.isEmpty()) {
                    ListEvacuationsResponse all = client.ask(stub -> stub.listEvacuations(ListEvacuationsRequest.newBuilder().setOpenOnly(open).build()));
                    server.print(all, () -> EvacuationView.table(all.getEvacuationsList()));
                } else {
                    Evacuation one = client.ask(stub -> stub.getEvacuation(GetEvacuationRequest.newBuilder().setEvacuation(which).build()));
                    server.print(one, () -> EvacuationView.text(one));
                }
                return 0;
            }
        }
    }

    /** {@code ferry node gone}. */
    @Command(
            name = "gone",
            description = {
                "Records a cloud's word that a node's machine does not exist any more: the proof on which its jobs go on elsewhere.",
                "For whatever hears of it, for example the event of an instance that is terminated. An operator who has looked uses declare-dead."
            },
            footer = {"", "Example:", "  ferry node gone node-2 --source aws --evidence 'instance i-0123 is terminated'"})
    public static final class Gone implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Option(names = "--source", paramLabel = "WHO", required = true, description = "Who says it.")
        private String source = "";

        @Option(names = "--evidence", paramLabel = "TEXT", required = true, description = "What was said.")
        private String evidence = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Node answer = client.ask(stub -> stub.confirmNodeGone(ConfirmGoneRequest.newBuilder().setNode(node).setSource(source).setEvidence(evidence).build()));
                server.print(answer, () -> "recorded; " + answer.getName() + " is " + answer.getState() + "\n");
                return 0;
            }
        }
    }
}
