package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Table;
import dev.ferry.cli.output.Texts;
import dev.ferry.proto.v1.ListNoticesRequest;
import dev.ferry.proto.v1.ListNoticesResponse;
import dev.ferry.proto.v1.Notice;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Verbs about machines that go away. */
public final class SpotVerbs {
    private SpotVerbs() {}

    /** {@code ferry notices}. */
    @Command(
            name = "notices",
            description = "Lists what clouds and operators have announced about nodes' machines, the newest first.",
            footer = {"", "Example:", "  ferry notices node-2"})
    public static final class Notices implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Option(names = "--all", description = "Also those that were taken back.")
        private boolean all;

        @Parameters(paramLabel = "NODE", arity = "0..1", description = "Only about this node.", defaultValue = "")
        private String node = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                ListNoticesResponse answer = client.ask(stub -> stub.listNotices(ListNoticesRequest.newBuilder().setNode(node).setAll(all).build()));
                server.print(answer, () -> table(answer));
                return 0;
            }
        }

        private static String table(ListNoticesResponse notices) {
            Table table = new Table("NODE", "KIND", "SOURCE", "STATE", "DEADLINE", "SEEN", "EVENT", "WHAT");
            for (Notice notice : notices.getNoticesList()) {
                table.row(notice.getNode(), notice.getKind().name(), notice.getSource(), notice.getState().name(), Texts.left(notice.getDeadline()), Texts.ago(notice.getFirstSeenAt()), notice.getEvent(), notice.getDetail());
            }
            return table.toString();
        }
    }
}
