package dev.ferry.node.link;

import io.grpc.ManagedChannel;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** The coordinators, of which one leads: one is dialled after the other until one welcomes this node. */
final class Coordinators implements AutoCloseable {
    private final List<String> addresses;
    private final Function<String, ManagedChannel> channel;
    private List<ManagedChannel> channels;
    private int at;

    /**
     * @param addresses host:port, several separated by commas
     * @param channel makes a channel to one
     */
    Coordinators(String addresses, Function<String, ManagedChannel> channel) {
        this.addresses = Arrays.stream(addresses.split(",", -1)).map(String::strip).toList();
        this.channel = channel;
        channels = open();
    }

    private List<ManagedChannel> open() {
        return addresses.stream().map(channel).toList();
    }

    ManagedChannel channel() {
        return channels.get(at);
    }

    /**
     * The one that was dialled last does not want this node, or is not there.
     *
     * @return whether all have been tried since the last that did
     */
    boolean next() {
        at = (at + 1) % channels.size();
        return at == 0;
    }

    /**
     * By connections of their own: a channel that waits for its own back-off would answer at once with its last error, and a connection
     * that a partition has silenced only when TCP tries again, a minute later.
     */
    void dialAnew() {
        channels.forEach(ManagedChannel::shutdownNow);
        channels = open();
    }

    @Override
    public void close() {
        channels.forEach(ManagedChannel::shutdownNow);
    }
}
