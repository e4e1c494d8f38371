package dev.ferry.coordinator.nodes;

import dev.ferry.common.Clock;
import dev.ferry.proto.v1.Heartbeat;
import dev.ferry.proto.v1.HeartbeatReply;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.ToNode;
import dev.ferry.proto.v1.Welcome;
import java.time.Duration;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One open stream to a node's daemon, after its Hello. Safe for threads. */
final class NodeSession {
    private static final Logger LOG = LoggerFactory.getLogger(NodeSession.class);

    /** It is told to other nodes, in their orders: so not whatever a node that was taken over may say. */
    private static final Pattern ADDRESS = Pattern.compile("[\\p{Graph}]+:\\d{1,5}");
    private static final int LONGEST_ADDRESS = 300;

    private final String node;
    private final String peerAddress;
    private final NodeLine line;
    private final Clock clock;
    private final Object saying = new Object();
    private volatile long lastHeardNanos;
    private volatile boolean open = true;
    private boolean welcomed;

    NodeSession(Hello hello, NodeLine line, Clock clock) {
        node = hello.getNode();
        String told = hello.getPeerAddress();
        peerAddress = told.length() <= LONGEST_ADDRESS && ADDRESS.matcher(told).matches() ? told : "";
        this.line = line;
        this.clock = clock;
        lastHeardNanos = clock.nanos();
    }

    String node() {
        return node;
    }

    /** host:port at which other nodes may ask it for chunks; empty: they may not. */
    String peerAddress() {
        return peerAddress;
    }

    /** Says a message; one that can't be said is dropped, and one before the Welcome too, because all is said again after it. */
    void send(ToNode message) {
        synchronized (saying) {
            if (open && welcomed) {
                line.say(message);
            }
        }
    }

    /** Says which lives stand; only after it are heartbeats answered. */
    void welcome(Welcome terms) {
        synchronized (saying) {
            welcomed = true;
            send(ToNode.newBuilder().setWelcome(terms).build());
        }
    }

    /** Answers a heartbeat, which renews the lease: not on a stream that was closed, for the lease may count as ended since. */
    void answer(Heartbeat heartbeat, Leases leases) {
        synchronized (saying) {
            if (open && welcomed && leases.mayAnswer()) {
                leases.answered(node);
                send(ToNode.newBuilder().setHeartbeatReply(HeartbeatReply.newBuilder().setSequence(heartbeat.getSequence())).build());
            }
        }
    }

    void heard() {
        lastHeardNanos = clock.nanos();
    }

    /** For how long nothing was heard. */
    Duration silence() {
        return clock.since(lastHeardNanos);
    }

    /** Ends the stream, for example because the node has opened a newer one. */
    void close(String why) {
        synchronized (saying) {
            if (!open) {
                return;
            }
            open = false;
            LOG.debug("the stream to node {} is closed: {}", node, why);
            line.end();
        }
    }
}
