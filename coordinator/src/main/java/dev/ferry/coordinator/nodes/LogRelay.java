package dev.ferry.coordinator.nodes;

import dev.ferry.common.FerryException;
import dev.ferry.common.Ids;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.LogCancel;
import dev.ferry.proto.v1.LogData;
import dev.ferry.proto.v1.LogRequest;
import dev.ferry.proto.v1.ToNode;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Parts of logs on their way from daemons to readers. What is held for a reader that is slower than its node is bounded, for each and for all together: one that has too much is told to come again
 * from where it is.
 */
public final class LogRelay {
    /** Pieces of at most 64 KiB that are held for one reader. */
    private static final int MOST_QUEUED = 32;
    /** And for all of them; beyond that each has one piece at a time. */
    private static final int MOST_IN_ALL = 512;

    private final CommandDesk desk;
    private final Map<String, Reading> readings = new ConcurrentHashMap<>();
    private final AtomicInteger queued = new AtomicInteger();

    public LogRelay(CommandDesk desk) {
        this.desk = desk;
    }

    /**
     * What comes next of a log.
     *
     * @param data null: the pieces end here, the log may not; whoever wants more asks anew
     */
    public record Piece(@Nullable LogData data) {}

    /** One log that is being read from a node. */
    public final class Reading implements AutoCloseable {
        private final String node;
        private final String request;
        private final BlockingQueue<Piece> queue = new LinkedBlockingQueue<>();
        private boolean over;

        private Reading(String node, String request) {
            this.node = node;
            this.request = request;
        }

        /**
         * The next piece; null when none came in time.
         *
         * @throws FerryException what the node says is wrong
         */
        public @Nullable Piece next(Duration atMost) throws InterruptedException {
            Piece piece = queue.poll(atMost.toMillis(), TimeUnit.MILLISECONDS);
            if (piece == null || piece.data() == null) {
                return piece;
            }
            queued.decrementAndGet();
            if (piece.data().hasError()) {
                throw new FerryException(piece.data().getError());
            }
            return piece;
        }

        private synchronized void add(LogData data) {
            if (over) {
                return;
            }
            int held = queue.size();
            if (held >= MOST_QUEUED || (held > 0 && queued.get() >= MOST_IN_ALL)) {
                end();
                cancel();
                return;
            }
            queued.incrementAndGet();
            queue.add(new Piece(data));
        }

        /** What comes after this is not taken any more. */
        private synchronized void end() {
            if (!over) {
                over = true;
                queue.add(new Piece(null));
            }
        }

        private void cancel() {
            readings.remove(request);
            desk.sendTo(node, ToNode.newBuilder().setLogCancel(LogCancel.newBuilder().setRequest(request)).build());
        }

        @Override
        public synchronized void close() {
            over = true;
            for (Piece left = queue.poll(); left != null; left = queue.poll()) {
                if (left.data() != null) {
                    queued.decrementAndGet();
                }
            }
            cancel();
        }
    }

    /** Asks a node for a job's log from an offset. */
    public Reading open(String node, String job, long offset, boolean follow) {
        if (!desk.isConnected(node)) {
            throw new FerryException(ErrorCode.NODE_DOWN, "Node " + node + ", which has the log of job " + job + ", does not answer");
        }
        Reading reading = new Reading(node, "log-" + Ids.random(12));
        readings.put(reading.request, reading);
        desk.sendTo(
                node,
                ToNode.newBuilder().setLogRequest(LogRequest.newBuilder().setRequest(reading.request).setJob(job).setOffset(offset).setFollow(follow)).build());
        return reading;
    }

    void data(String node, LogData data) {
        Reading reading = readings.get(data.getRequest());
        if (reading != null && reading.node.equals(node)) {
            reading.add(data);
        }
    }

    /** Whoever reads from a node whose stream is over or new asks again: requests of the old stream are forgotten. */
    void streamChanged(String node) {
        readings.values().stream().filter(reading -> reading.node.equals(node)).forEach(Reading::end);
    }
}
