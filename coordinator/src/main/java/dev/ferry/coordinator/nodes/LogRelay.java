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

/** Parts of logs on their way from daemons to readers. */
public final class LogRelay {
    private static final int MOST_QUEUED = 256;

    private final CommandDesk desk;
    private final Map<String, Reading> readings = new ConcurrentHashMap<>();

    public LogRelay(CommandDesk desk) {
        this.desk = desk;
    }

    /** One log that is being read from a node. */
    public final class Reading implements AutoCloseable {
        private final String node;
        private final String request;
        private final BlockingQueue<LogData> queue = new LinkedBlockingQueue<>();

        private Reading(String node, String request) {
            this.node = node;
            this.request = request;
        }

        /**
         * The next piece; null when none came in time.
         *
         * @throws FerryException what the node says is wrong
         */
        public @org.jspecify.annotations.Nullable LogData next(Duration atMost) throws InterruptedException {
            LogData piece = queue.poll(atMost.toMillis(), TimeUnit.MILLISECONDS);
            if (piece != null && piece.hasError()) {
                throw new FerryException(piece.getError());
            }
            return piece;
        }

        @Override
        public void close() {
            readings.remove(request);
            desk.sendTo(node, ToNode.newBuilder().setLogCancel(LogCancel.newBuilder().setRequest(request)).build());
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
        if (reading == null || !reading.node.equals(node)) {
            return;
        }
        if (reading.queue.size() > MOST_QUEUED) {
            // The reader is too slow: it is told to come again from where it is.
            reading.queue.add(
                    LogData.newBuilder().setRequest(data.getRequest()).setEnd(true).setOffset(data.getOffset()).build());
            reading.close();
            return;
        }
        reading.queue.add(data);
    }

    /** Whoever reads from a node whose stream is over or new asks again: requests of the old stream are forgotten. */
    void streamChanged(String node) {
        readings.values().stream()
                .filter(reading -> reading.node.equals(node))
                .forEach(reading -> reading.queue.add(LogData.newBuilder().setRequest(reading.request).setEnd(true).build()));
    }
}
