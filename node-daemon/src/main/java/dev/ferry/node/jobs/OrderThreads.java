package dev.ferry.node.jobs;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadFactory;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does orders of which nothing is written down, each on a thread of its own, and says their results. One that comes again while it is done is done once, later it is done again. Safe for
 * threads.
 */
final class OrderThreads {
    private static final Logger LOG = LoggerFactory.getLogger(OrderThreads.class);

    private final Outbox outbox;
    private final ThreadFactory threads;
    private final Set<String> underWay = ConcurrentHashMap.newKeySet();

    OrderThreads(Outbox outbox) {
        this(outbox, Thread.ofPlatform().daemon().factory());
    }

    OrderThreads(Outbox outbox, ThreadFactory threads) {
        this.outbox = outbox;
        this.threads = threads;
    }

    /**
     * Begins an order, unless it is being done.
     *
     * @param name of the thread
     * @param act does it; what goes wrong and has no code of its own is INTERNAL
     */
    void submit(String name, Command command, Function<Command, CommandResult> act) {
        if (!underWay.add(command.getId())) {
            return;
        }
        try {
            Thread thread = threads.newThread(() -> run(command, act));
            thread.setName(name);
            thread.start();
        } catch (Error noThread) {
            LOG.error("{}: no thread can be had for {}", name, command.getId(), noThread);
            end(command, failed(command, noThread));
        }
    }

    private void run(Command command, Function<Command, CommandResult> act) {
        CommandResult result;
        try {
            result = act.apply(command);
        } catch (RuntimeException | Error failed) {
            LOG.warn("{} failed", command.getId(), failed);
            result = failed(command, failed);
        }
        end(command, result);
    }

    private void end(Command command, CommandResult result) {
        boolean ignored = underWay.remove(command.getId());
        outbox.result(result);
    }

    private static CommandResult failed(Command command, Throwable failed) {
        return CommandResult.newBuilder().setId(command.getId()).setError(Failures.detail(failed, ErrorCode.INTERNAL)).build();
    }
}
