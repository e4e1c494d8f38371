package dev.ferry.coordinator.nodes;

import dev.ferry.proto.v1.ToNode;
import io.grpc.stub.ServerCallStreamObserver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One open stream to a node's daemon. Safe for threads. */
final class NodeSession {
    private static final Logger LOG = LoggerFactory.getLogger(NodeSession.class);

    private final String node;
    private final ServerCallStreamObserver<ToNode> stream;
    private volatile long lastHeardNanos = System.nanoTime();
    private volatile boolean open = true;

    NodeSession(String node, ServerCallStreamObserver<ToNode> stream) {
        this.node = node;
        this.stream = stream;
    }

    String node() {
        return node;
    }

    /** Says a message; one that can't be said is dropped, because all is said again to the next stream. */
    void send(ToNode message) {
        synchronized (stream) {
            if (!open || stream.isCancelled()) {
                return;
            }
            try {
                stream.onNext(message);
            } catch (IllegalStateException over) {
                LOG.debug("the stream to node {} is at its end", node, over);
            }
        }
    }

    void heard() {
        lastHeardNanos = System.nanoTime();
    }

    long silentNanos() {
        return System.nanoTime() - lastHeardNanos;
    }

    boolean isOpen() {
        return open;
    }

    /** Ends the stream, for example because the node has opened a newer one. */
    void close(String why) {
        synchronized (stream) {
            if (!open) {
                return;
            }
            open = false;
            LOG.debug("the stream to node {} is closed: {}", node, why);
            try {
                stream.onCompleted();
            } catch (IllegalStateException over) {
                LOG.debug("it was at its end", over);
            }
        }
    }
}
