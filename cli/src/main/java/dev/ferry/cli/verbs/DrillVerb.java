package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.DrillView;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Drill;
import dev.ferry.proto.v1.DrillNodeRequest;
import dev.ferry.proto.v1.DrillRestoreRequest;
import dev.ferry.proto.v1.DrillState;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetDrillRequest;
import dev.ferry.proto.v1.ListDrillsRequest;
import dev.ferry.proto.v1.ListDrillsResponse;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ferry drill}. */
@Command(
        name = "drill",
        description = "Rehearses what nobody wants to try for the first time when it is needed.",
        subcommands = {DrillVerb.OfNode.class, DrillVerb.OfImages.class, DrillVerb.Listing.class, DrillVerb.Show.class},
        footer = {"", "Examples:", "  ferry drill node node-2 --notice 30s", "  ferry drill restore --sample 5"})
public final class DrillVerb implements Runnable {
    private static final long LOOK_MILLIS = 200;
    private static final int FOUND_SOMETHING = 1;

    @Spec private CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what: ferry drill node, restore, list or show");
    }

    /** Waits for the end and shows what was found; the status is 1 when it is not well, and that of NO_CAPACITY when nothing was tried. */
    private static int show(Client client, ServerOption server, Drill begun, boolean detach) throws InterruptedException {
        CountDownLatch never = new CountDownLatch(1);
        Drill now = begun;
        while (!detach && now.getState() == DrillState.DRILL_OPEN) {
            boolean ignored = never.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
            now = look(client, begun.getId());
        }
        Drill shown = now;
        server.print(shown, () -> DrillView.text(shown));
        if (detach) {
            return 0;
        }
        int well = DrillView.hasTriedNothing(shown) ? Main.statusOf(new FerryException(ErrorCode.NO_CAPACITY, shown.getId())) : 0;
        return DrillView.isWell(shown) ? well : FOUND_SOMETHING;
    }

    private static Drill look(Client client, String id) {
        try {
            return client.look(stub -> stub.getDrill(GetDrillRequest.newBuilder().setDrill(id).build()));
        } catch (FerryException unseen) {
            throw Operations.unseen(unseen, "drill " + id + " goes on: 'ferry drill show " + id + "' tells what it has found");
        }
    }

    /** {@code ferry drill node}. */
    @Command(
            name = "node",
            description = {
                "Rehearses the evacuation of a node: makes the images that it would make, as checkpoints of jobs that run on,",
                "and says of each job whether it would have been saved, and whether another node has room for it.",
                "Nothing is stopped, moved or closed. The exit status is 1 when a job would lose work that should have been saved."
            },
            footer = {"", "Example:", "  ferry drill node node-2 --notice 120s"})
    public static final class OfNode implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Option(names = "--notice", paramLabel = "TIME", description = "How long before its end the machine is told; default drill.notice of the coordinator.", defaultValue = "")
        private String notice = "";

        @Option(names = "--detach", description = "Return when it has begun; `ferry drill show` tells what it found.")
        private boolean detach;

        @Override
        public Integer call() throws InterruptedException {
            DrillNodeRequest request = DrillNodeRequest.newBuilder().setNode(node).setNoticeMillis(notice.isEmpty() ? 0 : Math.max(1, Durations.parse(notice).toMillis())).build();
            try (Client client = server.connect()) {
                return show(client, server, client.ask(stub -> stub.drillNode(request)), detach);
            }
        }
    }

    /** {@code ferry drill restore}. */
    @Command(
            name = "restore",
            description = {
                "Tries whether recent images can be restored: on a node with room each is brought back into a sandbox that is thrown away.",
                "Nothing of the job runs in it, and it is no life of the job. The exit status is 1 when an image can't be restored, and 5 when none could be tried."
            },
            footer = {"", "Example:", "  ferry drill restore --sample 5"})
    public static final class OfImages implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--sample", paramLabel = "N", description = "How many images; default drill.sample of the coordinator. Those that no drill has tried yet come first.", defaultValue = "0")
        private int sample;

        @Option(names = "--detach", description = "Return when it has begun; `ferry drill show` tells what it found.")
        private boolean detach;

        @Override
        public Integer call() throws InterruptedException {
            try (Client client = server.connect()) {
                return show(client, server, client.ask(stub -> stub.drillRestore(DrillRestoreRequest.newBuilder().setSample(sample).build())), detach);
            }
        }
    }

    /** {@code ferry drill list}. */
    @Command(name = "list", description = "Lists drills, the newest first.", footer = {"", "Example:", "  ferry drill list"})
    public static final class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", arity = "0..1", description = "Only those of this node.", defaultValue = "")
        private String node = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListDrillsResponse answer = client.ask(stub -> stub.listDrills(ListDrillsRequest.newBuilder().setNode(node).build()));
                server.print(answer, () -> DrillView.table(answer.getDrillsList()));
                return 0;
            }
        }
    }

    /** {@code ferry drill show}. */
    @Command(name = "show", description = "Shows what a drill has found.", footer = {"", "Example:", "  ferry drill show dr-abcdefgh"})
    public static final class Show implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "DRILL", description = "Its id.")
        private String drill = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Drill found = client.ask(stub -> stub.getDrill(GetDrillRequest.newBuilder().setDrill(drill).build()));
                server.print(found, () -> DrillView.text(found));
                return 0;
            }
        }
    }
}
