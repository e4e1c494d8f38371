package dev.ferry.coordinator.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.Clock;
import dev.ferry.proto.v1.Command;
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
        Heard heard = new Heard();
        NodeSession session = new NodeSession("node-1", heard, Clock.SYSTEM);
        desk.opened(session);
        session.welcome(Welcome.getDefaultInstance());
        desk.resend("node-1");
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
}
