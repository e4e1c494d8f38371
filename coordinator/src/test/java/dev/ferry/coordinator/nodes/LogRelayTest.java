package dev.ferry.coordinator.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.ferry.common.Clock;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.LogData;
import dev.ferry.proto.v1.ToNode;
import dev.ferry.proto.v1.Welcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Logs on their way from a node that sends faster than they are read. */
class LogRelayTest {
    private static final Duration AT_ONCE = Duration.ofMillis(1);
    private static final String NODE = "node-1";

    private final CommandDesk desk = new CommandDesk();
    private final LogRelay relay = new LogRelay(desk);
    private final List<ToNode> told = new CopyOnWriteArrayList<>();

    @BeforeEach
    void open() {
        NodeSession session =
                new NodeSession(
                        Hello.newBuilder().setNode(NODE).build(),
                        new NodeLine() {
                            @Override
                            public void say(ToNode message) {
                                told.add(message);
                            }

                            @Override
                            public void end() {}

                            @Override
                            public void refuse(String why) {}
                        },
                        Clock.SYSTEM);
        session.welcome(Welcome.getDefaultInstance());
        desk.opened(session);
    }

    private String request() {
        return told.stream().filter(ToNode::hasLogRequest).reduce((one, other) -> other).orElseThrow().getLogRequest().getRequest();
    }

    private void send(String request, int number) {
        relay.data(NODE, LogData.newBuilder().setRequest(request).setOffset(number).setData(ByteString.copyFrom(new byte[1])).build());
    }

    /** Offsets of all pieces up to where they end. */
    private static List<Long> read(LogRelay.Reading reading) throws Exception {
        List<Long> offsets = new ArrayList<>();
        for (LogRelay.Piece piece = reading.next(AT_ONCE); piece != null; piece = reading.next(AT_ONCE)) {
            LogData data = piece.data();
            offsets.add(data == null ? -1 : data.getOffset());
        }
        return offsets;
    }

    @Test
    void whatIsHeldForAReaderIsBoundedAndHeIsToldToComeAgain() throws Exception {
        try (LogRelay.Reading reading = relay.open(NODE, "j-aaaaaaaa", 0, false)) {
            String request = request();
            for (int piece = 0; piece < 300; piece++) {
                send(request, piece);
            }
            List<Long> offsets = read(reading);
            assertThat(offsets).hasSizeLessThan(40).startsWith(0L, 1L, 2L).endsWith(-1L);
            assertThat(told.stream().filter(ToNode::hasLogCancel)).as("the node sends no more").isNotEmpty();
        }
    }

    @Test
    void whatIsHeldForAllReadersTogetherIsBoundedAndEachGetsOn() throws Exception {
        List<LogRelay.Reading> readings = new ArrayList<>();
        for (int reader = 0; reader < 60; reader++) {
            readings.add(relay.open(NODE, "j-aaaaaaaa", 0, false));
            String request = request();
            for (int piece = 0; piece < 30; piece++) {
                send(request, piece);
            }
        }
        int held = 0;
        for (LogRelay.Reading reading : readings) {
            List<Long> offsets = read(reading);
            assertThat(offsets).startsWith(0L);
            held += offsets.size();
            reading.close();
        }
        assertThat(held).isLessThan(60 * 30 / 2);
        try (LogRelay.Reading again = relay.open(NODE, "j-aaaaaaaa", 0, false)) {
            for (int piece = 0; piece < 30; piece++) {
                send(request(), piece);
            }
            assertThat(read(again)).as("what was read is held no more").hasSize(30);
        }
    }

    @Test
    void aStreamThatIsOverIsNotTheEndOfTheLog() throws Exception {
        try (LogRelay.Reading reading = relay.open(NODE, "j-aaaaaaaa", 0, false)) {
            send(request(), 7);
            relay.streamChanged(NODE);
            send(request(), 8);
            LogRelay.Piece first = Objects.requireNonNull(reading.next(AT_ONCE));
            assertThat(Objects.requireNonNull(first.data()).getOffset()).isEqualTo(7);
            assertThat(Objects.requireNonNull(reading.next(AT_ONCE)).data()).isNull();
            assertThat(reading.next(AT_ONCE)).isNull();
        }
    }
}
