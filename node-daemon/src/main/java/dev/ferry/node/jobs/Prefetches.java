package dev.ferry.node.jobs;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.PrefetchImage;
import dev.ferry.storage.Images;

/**
 * Fetches what was copied ahead of a job that will come here, into the node's cache. Nothing is written down: an order that
 * comes again, because the daemon or the coordinator was away, is done again, and finds what is here already.
 */
final class Prefetches {
    private final NodeContext context;
    private final OrderThreads threads;

    Prefetches(NodeContext context) {
        this.context = context;
        threads = new OrderThreads(context.outbox());
    }

    void submit(Command command) {
        threads.submit("prefetch " + command.getJob(), command, this::fetch);
    }

    private CommandResult fetch(Command command) {
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId());
        try (Phases phases = new Phases(command.getId(), context.outbox())) {
            long begin = System.nanoTime();
            PrefetchImage order = command.getPrefetch();
            Images.Prefetched fetched = context.images().prefetch(order.getImage(), context.peer(order.hasPeer(), order.getPeer()));
            phases.record("fetch", System.nanoTime() - begin, fetched.bytes());
            phases.record(fetched.origins());
            result.addAllPhases(phases.done());
        }
        return result.build();
    }
}
