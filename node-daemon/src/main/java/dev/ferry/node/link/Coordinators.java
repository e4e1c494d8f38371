package dev.ferry.node.link;

import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** The coordinators, of which one leads: one is dialled after the other until one welcomes this node. */
final class Coordinators implements AutoCloseable {
    /** A coordinator that hangs, or whose machine is cut off, must not keep this node for long from the one that leads. */
    private static final Duration SHORT = Duration.ofSeconds(2);

    private static final Duration LONG = Duration.ofSeconds(10);

    /** Longer than a hung leader keeps its term. */
    private static final int ROUNDS = 4;

    private final List<String> addresses;
    private final Function<String, ManagedChannel> channel;
    private List<ManagedChannel> channels;
    private int at;
    private int silent;
    private int silentRounds;
    private Duration patience;

    /**
     * @param addresses host:port, several separated by commas
     * @param channel makes a channel to one
     */
    Coordinators(String addresses, Function<String, ManagedChannel> channel) {
        this.addresses = Arrays.stream(addresses.split(",", -1)).map(String::strip).toList();
        this.channel = channel;
        channels = open();
        patience = channels.size() == 1 ? LONG : SHORT;
    }

    private List<ManagedChannel> open() {
        return addresses.stream().map(channel).toList();
    }

    ManagedChannel channel() {
        return channels.get(at);
    }

    /** How long the one that is dialled now may take for its welcome. */
    Duration patience() {
        return patience;
    }

    /**
     * The one that was dialled last does not want this node, or is not there, or said nothing for too long. Where all say nothing, or one
     * does round after round while none of the others leads, it may only be slow: it is given longer.
     *
     * @return whether all have been tried since the last that did
     */
    boolean next(boolean saidNothing) {
        silent += saidNothing ? 1 : 0;
        at = (at + 1) % channels.size();
        if (at == 0) {
            silentRounds = silent == 0 ? 0 : silentRounds + 1;
            if (silent == channels.size() || silentRounds == ROUNDS) {
                silentRounds = 0;
                patience = patience.multipliedBy(2).compareTo(LONG) < 0 ? patience.multipliedBy(2) : LONG;
            }
            silent = 0;
        }
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
