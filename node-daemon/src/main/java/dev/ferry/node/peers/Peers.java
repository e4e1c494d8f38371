package dev.ferry.node.peers;

import dev.ferry.node.link.Membership;
import dev.ferry.proto.v1.Peer;
import dev.ferry.storage.ChunkPeer;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Other nodes, as an order names them: asked for the chunks of one image each. */
public final class Peers implements Function<Peer, ChunkPeer> {
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    private static final Pattern ADDRESS = Pattern.compile("(?:\\[([^\\]\\s]+)\\]|([^\\s:\\[\\]/]+)):(\\d{1,5})");
    /** A chunk, and what protobuf needs around it. */
    private static final int MOST_MESSAGE = 1 << 20;

    private final Optional<Membership> membership;

    /**
     * @param membership empty: the cluster has no TLS
     */
    public Peers(Optional<Membership> membership) {
        this.membership = membership;
    }

    /** Begins to connect; whether it works shows when chunks are asked for. */
    @Override
    public ChunkPeer apply(Peer peer) {
        return new PeerClient(peer, () -> channel(peer), PATIENCE);
    }

    private ManagedChannel channel(Peer peer) {
        Matcher parts = ADDRESS.matcher(peer.getAddress());
        if (!parts.matches()) {
            throw new IllegalArgumentException("'" + peer.getAddress() + "' is no host:port");
        }
        String host = parts.group(1) == null ? parts.group(2) : parts.group(1);
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(host, Integer.parseInt(parts.group(3))).maxInboundMessageSize(MOST_MESSAGE);
        return membership.map(held -> builder.sslContext(held.toPeer(peer.getNode()))).orElseGet(builder::usePlaintext).build();
    }
}
