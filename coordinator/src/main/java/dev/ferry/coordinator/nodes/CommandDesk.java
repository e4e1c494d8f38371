package dev.ferry.coordinator.nodes;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandAcknowledged;
import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.EvacuationWord;
import dev.ferry.proto.v1.NoticeSettled;
import dev.ferry.proto.v1.Peer;
import dev.ferry.proto.v1.ToNode;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Orders to daemons and their results. An order is sent again to each new stream of its node until its
 * result is here; a result is acknowledged only by whoever has written it down, because the daemon
 * forgets it then.
 */
public final class CommandDesk {
    private static final Logger LOG = LoggerFactory.getLogger(CommandDesk.class);

    /** How many of a node's results wait for their orders. One that finds no room is said again when its order is given. */
    static final int MOST_UNCLAIMED = 100;

    private final Map<String, Open> open = new ConcurrentHashMap<>();
    private final Map<String, Map<String, Open>> byNode = new ConcurrentHashMap<>();
    private final Set<String> answered = ConcurrentHashMap.newKeySet();
    /** Of each node the results that came before their orders were given, as after a start of this coordinator. */
    private final Map<String, Map<String, CommandResult>> unclaimed = new ConcurrentHashMap<>();
    private final Map<String, NodeSession> sessions = new ConcurrentHashMap<>();
    private final Deferred deferred = new Deferred();
    private volatile Predicate<String> stillWanted = command -> false;
    private volatile BiConsumer<String, CommandResult> onLastWord = (node, result) -> {};

    /**
     * One order whose result is awaited.
     *
     * @param stands whether it is still to be done, as the store says now
     * @param answer takes its result; it may come more than once
     */
    public record Open(String node, Command command, BooleanSupplier stands, Consumer<CommandResult> answer, Consumer<CommandProgress> progress) {
        private String id() {
            return command.getId();
        }
    }

    /** Sets who knows whether the result of an order that nobody awaits yet will still be asked for. */
    public void setStillWanted(Predicate<String> wanted) {
        stillWanted = wanted;
    }

    /** Sets who is told a result that no step comes after: what it says of the job still counts. */
    void onLastWord(BiConsumer<String, CommandResult> listener) {
        onLastWord = listener;
    }

    /** A result ended its operation, or came to a step that had been given up. */
    public void lastWord(String node, CommandResult result) {
        onLastWord.accept(node, result);
    }

    Deferred deferred() {
        return deferred;
    }

    /** An operation of a job has ended: who said something of the job meanwhile is asked again. */
    public void operationEnded(String job) {
        deferred.take(job).forEach(this::askAgain);
    }

    /** Sends an order. The result comes when the node is there and has done it; there is no deadline here. */
    public Open order(String node, Command command, BooleanSupplier stands, Consumer<CommandResult> answer, Consumer<CommandProgress> progress) {
        Open order = new Open(node, command, stands, answer, progress);
        open.put(order.id(), order);
        byNode.computeIfAbsent(node, name -> new ConcurrentHashMap<>()).put(order.id(), order);
        CommandResult early = claim(node, order.id());
        if (early != null) {
            answer(order, early);
        } else {
            send(order);
        }
        return order;
    }

    /** Nobody waits for this order's result any more. */
    public void drop(Open order) {
        open.remove(order.id(), order);
        answered.remove(order.id());
        byNode.getOrDefault(order.node(), Map.of()).remove(order.id());
    }

    /** The result of an order is written down: its node may forget it. */
    public void acknowledge(String node, String command) {
        sendTo(node, ToNode.newBuilder().setAcknowledged(CommandAcknowledged.newBuilder().setId(command)).build());
    }

    /** All that can be done about a notice is done. */
    public void settled(String node, String notice) {
        sendTo(node, ToNode.newBuilder().setNoticeSettled(NoticeSettled.newBuilder().setNotice(notice)).build());
    }

    /** What a node is told of its own evacuation, for the hooks of its operator; a node that is away is not told. */
    public void evacuation(String node, EvacuationWord word) {
        sendTo(node, ToNode.newBuilder().setEvacuation(word).build());
    }

    /** Sends an order whose result nobody waits for. */
    public void tell(String node, Command command) {
        sendTo(node, ToNode.newBuilder().setCommand(command).build());
    }

    private void send(Open order) {
        sendTo(order.node(), ToNode.newBuilder().setCommand(order.command()).build());
    }

    void sendTo(String node, ToNode message) {
        NodeSession session = sessions.get(node);
        if (session != null) {
            session.send(message);
        }
    }

    /** A node has a new stream; the one before, if any, is over. */
    void opened(NodeSession session) {
        // Its daemon says on each stream anew what is not acknowledged.
        unclaimed.remove(session.node());
        NodeSession before = sessions.put(session.node(), session);
        if (before != null) {
            before.close("the node has opened a newer one");
        }
    }

    void closed(NodeSession session) {
        sessions.remove(session.node(), session);
    }

    /**
     * The node has said what it knows: every open order of it is sent again. Not one that was ended meanwhile, because the node was lost:
     * whoever ended it may not have dropped it yet, and the job may live elsewhere by then. The store is asked after the node's Hello,
     * which is what ends the node's being lost; so whatever ended an order for that reason is seen here.
     */
    void resend(String node) {
        byNode.getOrDefault(node, Map.of()).values().stream().filter(order -> !answered.contains(order.id()) && order.stands().getAsBoolean()).forEach(this::send);
    }

    void result(String node, CommandResult result) {
        Open order = open.get(result.getId());
        if (order != null && !order.node().equals(node)) {
            LOG.warn("node {} answers order {}, which was given to node {}: it is not heard", node, result.getId(), order.node());
        } else if (order != null) {
            answer(order, result);
        } else if (stillWanted.test(result.getId())) {
            keep(node, result);
            // It may have been ordered between the two looks.
            Open late = open.get(result.getId());
            if (late != null && late.node().equals(node) && claim(node, result.getId()) != null) {
                answer(late, result);
            }
        } else {
            acknowledge(node, result.getId());
        }
    }

    private void keep(String node, CommandResult result) {
        Map<String, CommandResult> kept = unclaimed.computeIfAbsent(node, name -> new ConcurrentHashMap<>());
        if (kept.size() < MOST_UNCLAIMED || kept.containsKey(result.getId())) {
            kept.put(result.getId(), result);
        }
    }

    /** The result that a node gave before its order; what another one said of it is not heard. */
    private @Nullable CommandResult claim(String node, String command) {
        Map<String, CommandResult> kept = unclaimed.get(node);
        return kept == null ? null : kept.remove(command);
    }

    /** How many of a node's results wait for their orders. */
    int unclaimed(String node) {
        return unclaimed.getOrDefault(node, Map.of()).size();
    }

    /** From here on the order is not sent again: a node that has forgotten what it did would do it once more, while its answer is being written. */
    private void answer(Open order, CommandResult result) {
        answered.add(order.id());
        order.answer().accept(result);
    }

    void progress(String node, CommandProgress progress) {
        Open order = open.get(progress.getId());
        if (order != null && order.node().equals(node)) {
            order.progress().accept(progress);
        }
    }

    /** For how long nothing was heard on a node's stream; empty: it has none. */
    public Optional<Duration> silence(String node) {
        return session(node).map(NodeSession::silence);
    }

    /** Where other nodes may ask a node for chunks; empty: they may not, or it is away. */
    public Optional<Peer> peer(String node) {
        return session(node).filter(session -> !session.peerAddress().isEmpty()).map(session -> Peer.newBuilder().setNode(node).setAddress(session.peerAddress()).build());
    }

    /** Ends the stream of a node, if it has one: the next begins with all that its daemon knows. */
    public void askAgain(String node) {
        NodeSession session = sessions.get(node);
        if (session != null) {
            session.close("a job there is not accounted for");
        }
    }

    Optional<NodeSession> session(String node) {
        return Optional.ofNullable(sessions.get(node));
    }

    Iterable<NodeSession> sessions() {
        return sessions.values();
    }

    public boolean isConnected(String node) {
        return sessions.containsKey(node);
    }

    /** Ends every stream. */
    public void close() {
        sessions.values().forEach(session -> session.close("the coordinator ends"));
    }
}
