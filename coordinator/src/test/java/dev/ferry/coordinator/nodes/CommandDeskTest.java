package dev.ferry.coordinator.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.ToNode;
import dev.ferry.proto.v1.Welcome;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class CommandDeskTest {
    private final CommandDesk desk = new CommandDesk();

    /** A stream that keeps what was said on it. */
    private static final class Heard implements NodeLine {
        private final List<String> commands = new ArrayList<>();

        @Override
        public void say(ToNode message) {
            if (message.hasCommand()) {
                commands.add(message.getCommand().getId());
            }
        }

        @Override
        public void end() {}

        @Override
        public void refuse(String why) {}
    }

    private List<String> saidOnANewStream() {
        return saidOnANewStream("node-1");
    }

    private List<String> saidOnANewStream(String node) {
        Heard heard = new Heard();
        NodeSession session = new NodeSession(Hello.newBuilder().setNode(node).build(), heard, Clock.SYSTEM);
        desk.opened(session);
        session.welcome(Welcome.getDefaultInstance());
        desk.resend(node);
        return heard.commands;
    }

    /** The simulation's seed 3557 of the day on which leases came into it: a restore that had been given up was done, beside the next one. */
    @Test
    void whatTheStoreHasEndedIsNotOrderedAgain() {
        AtomicBoolean open = new AtomicBoolean(true);
        CommandDesk.Open order = desk.order("node-1", Command.newBuilder().setId("op-1/RESTORE/1").build(), open::get, result -> {}, told -> {});
        assertThat(saidOnANewStream()).containsExactly("op-1/RESTORE/1");
        assertThat(saidOnANewStream()).containsExactly("op-1/RESTORE/1");
        open.set(false);
        assertThat(saidOnANewStream()).isEmpty();
        desk.drop(order);
    }

    private static CommandResult result(String id, String phase) {
        return CommandResult.newBuilder().setId(id).setError(ErrorDetail.newBuilder().setMessage(phase)).build();
    }

    /** Of two that answer an order which has not been given yet, only the node that is given it has done it. */
    @Test
    void whatAnotherNodeAnswersBeforeTheOrderIsGivenIsNotHeard() {
        desk.setStillWanted(command -> true);
        List<String> heard = new ArrayList<>();
        desk.result("node-1", result("op-1/DUMP/1", "of node-1"));
        desk.result("node-2", result("op-1/DUMP/1", "of node-2"));
        CommandDesk.Open order = desk.order("node-1", Command.newBuilder().setId("op-1/DUMP/1").build(), () -> true, result -> heard.add(result.getError().getMessage()), told -> {});
        assertThat(heard).containsExactly("of node-1");
        desk.drop(order);
        assertThat(desk.unclaimed("node-2")).as("until it opens its next stream").isEqualTo(1);
        assertThat(saidOnANewStream("node-2")).isEmpty();
        assertThat(desk.unclaimed("node-2")).isZero();
    }

    @Test
    void aNodeFillsNoMemoryWithResultsThatNobodyHasAskedFor() {
        desk.setStillWanted(command -> true);
        for (int i = 0; i < 2 * CommandDesk.MOST_UNCLAIMED; i++) {
            desk.result("node-1", result("op-" + i + "/DUMP/1", "of node-1"));
        }
        assertThat(desk.unclaimed("node-1")).isEqualTo(CommandDesk.MOST_UNCLAIMED);
    }
}
