package dev.ferry.node.jobs;

import dev.ferry.proto.v1.Command;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Orders for one job that have been taken and have no result yet, each with the newest stream on which it came. An order is here once, however often it comes; one whose stream is over
 * before it begins is never begun ({@link OrderStreams}).
 *
 * <p>Safe for threads: {@link #take} is called by who has the link, {@link #addTo} by who makes the first word of a stream, all else by the job's queue. The streams' lock comes before the
 * map's monitor: who makes the first word of a stream holds it and then asks for what is waiting. Under the monitor only the journal's is asked for.
 */
final class WaitingOrders {
    private static final Logger LOG = LoggerFactory.getLogger(WaitingOrders.class);

    private final LocalJob job;
    private final OrderStreams streams;
    /** The newest stream of each order, by its id. */
    private final Map<String, Long> waiting = new HashMap<>();
    /** Guarded by {@link #waiting}. */
    private boolean left;

    WaitingOrders(LocalJob job, OrderStreams streams) {
        this.job = job;
        this.streams = streams;
    }

    /** What became of an order that came. */
    enum Taken {
        /** It is to be done. */
        NEW,
        /** It came before, and is waiting or being done. */
        KNOWN,
        /** Nothing of the job is here any more, and nothing more is taken. */
        LEFT
    }

    /**
     * Takes an order.
     *
     * @param stream the number of the stream on which it came
     */
    Taken take(Command command, long stream) {
        synchronized (waiting) {
            if (left) {
                return Taken.LEFT;
            }
            boolean open = job.record().hasOpenCommand() && job.record().getOpenCommand().getId().equals(command.getId());
            return open || waiting.put(command.getId(), stream) != null ? Taken.KNOWN : Taken.NEW;
        }
    }

    /** Adds the ids of all that are here to a list that may have some of them. */
    void addTo(List<String> open) {
        synchronized (waiting) {
            waiting.keySet().stream().filter(id -> !open.contains(id)).forEach(open::add);
        }
    }

    boolean isOfTheNewestStream(Command command) {
        long current = streams.current();
        synchronized (waiting) {
            return waiting.getOrDefault(command.getId(), current) >= current;
        }
    }

    /**
     * Begins an order, unless its stream is over: the coordinator may have been told since that nothing of it is here.
     *
     * @return false: it is passed over, and may be ordered again
     * @throws UncheckedIOException it could not be written down and is not begun
     */
    boolean begin(Command command) {
        // The stream's lock comes first: who makes the first word of a stream holds it and then asks for what is waiting.
        return streams.during(
                current -> {
                    synchronized (waiting) {
                        if (waiting.getOrDefault(command.getId(), current) < current) {
                            waiting.remove(command.getId());
                            LOG.info("job {}: {} is passed over: it came on a stream that is over", job.id(), command.getId());
                            return false;
                        }
                    }
                    // The order and what it makes of the job are on disk before its first act.
                    if (OrderActs.needsRoom(command)) {
                        job.changeInFreeRoom(record -> OrderActs.open(record, command));
                    } else {
                        job.change(record -> OrderActs.open(record, command));
                    }
                    return true;
                });
    }

    /** An order has its result, and the journal has it; or it was refused, and may come again. */
    void done(String id) {
        synchronized (waiting) {
            waiting.remove(id);
        }
    }

    /**
     * Takes nothing any more, unless an order is waiting.
     *
     * @param forget the order that is being done, which does not count
     * @return whether it is so
     */
    boolean leave(String forget) {
        synchronized (waiting) {
            if (waiting.keySet().stream().anyMatch(id -> !id.equals(forget))) {
                return false;
            }
            left = true;
            return true;
        }
    }

    /** Takes orders again after {@link #leave}. */
    void stay() {
        synchronized (waiting) {
            left = false;
        }
    }
}
