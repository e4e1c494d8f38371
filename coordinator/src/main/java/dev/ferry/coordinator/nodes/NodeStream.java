package dev.ferry.coordinator.nodes;

import dev.ferry.common.FerryException;
import dev.ferry.common.Strand;
import dev.ferry.coordinator.placement.NodeFit;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Welcome;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One stream of a daemon. Heartbeats are answered at once; what needs the store waits its turn, in the order in which it came. */
public final class NodeStream {
    private static final Logger LOG = LoggerFactory.getLogger(NodeStream.class);

    private final NodeStreams all;
    private final NodeLine line;
    private final Strand turn;
    private volatile @Nullable NodeSession session;
    private volatile boolean ended;
    private volatile boolean refused;
    /** Whether the daemon was ever the node's: else the end of this is not the begin of the node's silence. */
    private boolean taken;

    NodeStream(NodeStreams all, NodeLine line) {
        this.all = all;
        this.line = line;
        turn = new Strand(all.scheduler());
    }

    /** A message of the daemon. */
    public void take(FromNode message) {
        NodeSession open = session;
        if (refused) {
            return;
        }
        if (!all.leads().holds()) {
            // An answer would lengthen the node's lease, and the next leader already counts it.
            line.refuse("this coordinator no longer leads");
        } else if (message.hasHello()) {
            begin(message.getHello());
        } else if (open == null) {
            line.refuse("the first message must be Hello");
        } else {
            open.heard();
            take(open, message);
        }
    }

    private void begin(Hello hello) {
        NodeSession opened = new NodeSession(hello, line, all.clock());
        session = opened;
        later(
                () -> {
                    if (ended) {
                        return;
                    }
                    try {
                        NodeFit.requirePossible(hello.getCapacity(), hello.getFacts());
                        // Before its stream takes the place of another one.
                        all.directory().requireSameFolder(hello);
                        // First of all: in between, a lease that ends would be taken for one that nobody renews (docs/model.md).
                        all.desk().opened(opened);
                        var unused = all.directory().hello(hello, "");
                        taken = true;
                    } catch (FerryException failed) {
                        refuse(opened, failed);
                        return;
                    }
                    // Read after the stream is known: see LostNodes for why the order matters.
                    opened.welcome(
                            Welcome.newBuilder()
                                    .setHeartbeatMillis(all.terms().heartbeat().toMillis())
                                    .setLeaseMillis(all.terms().lease().toMillis())
                                    .addAllLives(all.reconciler().standing(hello.getNode()))
                                    .setStore(all.directory().stores().own())
                                    .build());
                    // A stream that was overtaken says what was: its silence on a job is no receipt any more.
                    all.reconciler().hello(hello, () -> all.desk().session(hello.getNode()).filter(opened::equals).isPresent());
                    all.desk().resend(hello.getNode());
                    all.logs().streamChanged(hello.getNode());
                });
    }

    private void refuse(NodeSession opened, FerryException why) {
        if (why.code() != ErrorCode.WRONG_STATE && why.code() != ErrorCode.INVALID_ARGUMENT) {
            throw why;
        }
        LOG.warn("node {} is not taken in: {}", opened.node(), why.getMessage());
        refused = true;
        session = null;
        all.desk().closed(opened);
        line.refuse(String.valueOf(why.getMessage()));
    }

    private void take(NodeSession open, FromNode message) {
        switch (message.getMessageCase()) {
            case HEARTBEAT -> {
                open.answer(message.getHeartbeat(), all.directory().leases());
                if (message.getHeartbeat().getSequence() == 1) {
                    // It has read the Welcome, and counts what is granted now.
                    later(() -> all.directory().countsNewLease(open.node()));
                }
            }
            case PROGRESS -> all.desk().progress(open.node(), message.getProgress());
            case LOG_DATA -> all.logs().data(open.node(), message.getLogData());
            case RESULT ->
                    later(
                            () -> {
                                all.desk().result(open.node(), message.getResult());
                                if (message.getResult().hasJob()) {
                                    all.reconciler().result(open.node(), message.getResult().getJob());
                                }
                            });
            case JOB_REPORT -> later(() -> all.reconciler().report(open.node(), message.getJobReport()));
            case GPU_SAMPLE -> later(() -> all.sampled(open.node(), message.getGpuSample()));
            // Of a stream that was overtaken it is what was: the other one's Hello, and what follows it, holds.
            case NOTICES -> later(() -> ofTheNewest(open, () -> all.noticed(open.node(), message.getNotices())));
            case GPU_HEALTH -> later(() -> ofTheNewest(open, () -> all.gpus().are(open.node(), message.getGpuHealth())));
            case STORE -> later(() -> ofTheNewest(open, () -> all.directory().stores().sees(open.node(), message.getStore())));
            case HELLO, MESSAGE_NOT_SET -> LOG.warn("node {} says something this Ferry does not know", open.node());
        }
    }

    private void ofTheNewest(NodeSession open, Runnable work) {
        if (all.desk().session(open.node()).filter(open::equals).isPresent()) {
            work.run();
        }
    }

    private void later(Runnable work) {
        turn.execute(
                () -> {
                    if (refused) {
                        // What came right behind the Hello.
                        return;
                    }
                    try {
                        work.run();
                    } catch (RuntimeException | Error failed) {
                        // It would be forgotten here and never said again: the next stream begins with all that the daemon knows.
                        LOG.error("a message of a node could not be dealt with; its stream is ended", failed);
                        line.refuse("the coordinator could not deal with a message: say Hello again");
                    }
                });
    }

    /** The stream is over, by whichever side. */
    public void end() {
        ended = true;
        NodeSession open = session;
        if (open == null) {
            return;
        }
        later(
                () -> {
                    all.desk().closed(open);
                    all.logs().streamChanged(open.node());
                    if (taken && !all.desk().isConnected(open.node())) {
                        all.directory().silent(open.node());
                        LOG.info("the stream of node {} has ended", open.node());
                    }
                });
    }
}
