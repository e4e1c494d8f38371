package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** An order that belongs to no operation, and whose answer a caller waits for. */
final class NodeCall {
    private NodeCall() {}

    /**
     * Gives an order and waits as long as its deadline for the result.
     *
     * @throws FerryException the node's own error, or NODE_DOWN when it does not answer in time
     */
    static CommandResult ask(CommandDesk desk, String node, Command command) {
        CompletableFuture<CommandResult> answer = new CompletableFuture<>();
        CommandDesk.Open order = desk.order(node, command, () -> true, answer::complete, told -> {});
        try {
            CommandResult result = answer.get(command.getDeadlineMillis(), TimeUnit.MILLISECONDS);
            desk.acknowledge(node, command.getId());
            if (result.hasError()) {
                throw new FerryException(result.getError());
            }
            return result;
        } catch (TimeoutException late) {
            throw new FerryException(ErrorCode.NODE_DOWN, "Node " + node + " has not answered within " + command.getDeadlineMillis() / 1000 + " s; whether it has done what was asked is not known", late);
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The call was interrupted", interrupted);
        } finally {
            desk.drop(order);
        }
    }
}
