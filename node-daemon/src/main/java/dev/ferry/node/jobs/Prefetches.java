package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.PrefetchImage;
import dev.ferry.storage.Images;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Fetches what was copied ahead of a job that will come here, into the node's cache. Nothing is written down: an order that
 * comes again, because the daemon or the coordinator was away, is done again, and finds what is here already.
 */
final class Prefetches {
    private final NodeContext context;
    private final Set<String> underWay = ConcurrentHashMap.newKeySet();

    Prefetches(NodeContext context) {
        this.context = context;
    }

    void submit(Command command) {
        if (underWay.add(command.getId())) {
            Thread unused = Thread.ofPlatform().daemon().name("prefetch " + command.getJob()).start(() -> run(command));
        }
    }

    private void run(Command command) {
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId());
        try (Phases phases = new Phases(command.getId(), context.outbox())) {
            long begin = System.nanoTime();
            PrefetchImage order = command.getPrefetch();
            Images.Prefetched fetched = context.images().prefetch(order.getImage(), context.peer(order.hasPeer(), order.getPeer()));
            phases.record("fetch", System.nanoTime() - begin, fetched.bytes());
            phases.record(fetched.origins());
            result.addAllPhases(phases.done());
        } catch (FerryException failed) {
            result.setError(failed.detail());
        } catch (RuntimeException | Error failed) {
            result.setError(Failures.detail(failed, ErrorCode.INTERNAL));
        }
        underWay.remove(command.getId());
        context.outbox().result(result.build());
    }
}
