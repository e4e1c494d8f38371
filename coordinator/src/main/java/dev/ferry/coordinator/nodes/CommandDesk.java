package dev.ferry.coordinator.nodes;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandAcknowledged;
import dev.ferry.proto.v1.CommandProgress;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ToNode;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Orders to daemons and their results. An order is sent again to each new stream of its node until its
 * result is here; a result is acknowledged only by whoever has written it down, because the daemon
 * forgets it then.
 */
public final class CommandDesk {
    private final Map<String, Open> open = new ConcurrentHashMap<>();
    private final Map<String, CommandResult> unclaimed = new ConcurrentHashMap<>();
    private final Map<String, NodeSession> sessions = new ConcurrentHashMap<>();
    private volatile Predicate<String> stillWanted = command -> false;

    /**
     * One order whose result is awaited.
     *
     * @param answer its result
     */
    public record Open(String node, Command command, CompletableFuture<CommandResult> answer, Consumer<CommandProgress> progress) {}

    /** Sets who knows whether the result of an order that nobody awaits yet will still be asked for. */
    public void setStillWanted(Predicate<String> wanted) {
        stillWanted = wanted;
    }

    /** Sends an order. The result comes when the node is there and has done it; there is no deadline here. */
    public Open order(String node, Command command, Consumer<CommandProgress> progress) {
        Open order = new Open(node, command, new CompletableFuture<>(), progress);
        open.put(command.getId(), order);
        CommandResult early = unclaimed.remove(command.getId());
        if (early != null) {
            order.answer().complete(early);
        } else {
            send(order);
        }
        return order;
    }

    /** Nobody waits for this order's result any more. */
    public void drop(Open order) {
        open.remove(order.command().getId(), order);
    }

    /** The result of an order is written down: its node may forget it. */
    public void acknowledge(String node, String command) {
        sendTo(node, ToNode.newBuilder().setAcknowledged(CommandAcknowledged.newBuilder().setId(command)).build());
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
        NodeSession before = sessions.put(session.node(), session);
        if (before != null) {
            before.close("the node has opened a newer one");
        }
    }

    void closed(NodeSession session) {
        sessions.remove(session.node(), session);
    }

    /** The node has said what it knows: every open order of it is sent again. */
    void resend(String node) {
        open.values().stream().filter(order -> order.node().equals(node) && !order.answer().isDone()).forEach(this::send);
    }

    void result(String node, CommandResult result) {
        Open order = open.get(result.getId());
        if (order != null) {
            order.answer().complete(result);
        } else if (stillWanted.test(result.getId())) {
            unclaimed.put(result.getId(), result);
            // It may have been ordered between the two looks.
            Open late = open.get(result.getId());
            if (late != null && unclaimed.remove(result.getId()) != null) {
                late.answer().complete(result);
            }
        } else {
            acknowledge(node, result.getId());
        }
    }

    void progress(CommandProgress progress) {
        Open order = open.get(progress.getId());
        if (order != null) {
            order.progress().accept(progress);
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
