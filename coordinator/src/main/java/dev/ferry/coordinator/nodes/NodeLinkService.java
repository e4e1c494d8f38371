package dev.ferry.coordinator.nodes;

import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.HeartbeatReply;
import dev.ferry.proto.v1.NodeLinkGrpc;
import dev.ferry.proto.v1.ToNode;
import dev.ferry.proto.v1.Welcome;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The daemons' side of the gRPC server. */
public final class NodeLinkService extends NodeLinkGrpc.NodeLinkImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(NodeLinkService.class);

    private final CommandDesk desk;
    private final NodeDirectory directory;
    private final Reconciler reconciler;
    private final LogRelay logs;
    private final Duration heartbeat;
    private final Duration lease;

    public NodeLinkService(StateStore store, CommandDesk desk, NodeDirectory directory, LogRelay logs, Duration heartbeat, Duration lease) {
        this.desk = desk;
        this.directory = directory;
        this.logs = logs;
        this.heartbeat = heartbeat;
        this.lease = lease;
        reconciler = new Reconciler(store, desk);
    }

    @Override
    public StreamObserver<FromNode> connect(StreamObserver<ToNode> responses) {
        return new Stream((ServerCallStreamObserver<ToNode>) responses);
    }

    /** One stream. Heartbeats are answered at once; what needs the store waits its turn on the stream's own thread. */
    private final class Stream implements StreamObserver<FromNode> {
        private final ServerCallStreamObserver<ToNode> responses;
        private final ExecutorService turn = Executors.newSingleThreadExecutor(Thread.ofVirtual().name("node stream").factory());
        private volatile @Nullable NodeSession session;

        Stream(ServerCallStreamObserver<ToNode> responses) {
            this.responses = responses;
            responses.setOnCancelHandler(this::end);
        }

        @Override
        public void onNext(FromNode message) {
            NodeSession open = session;
            if (message.hasHello()) {
                begin(message.getHello());
            } else if (open == null) {
                responses.onError(Status.FAILED_PRECONDITION.withDescription("the first message must be Hello").asRuntimeException());
            } else {
                open.heard();
                take(open, message);
            }
        }

        private void begin(Hello hello) {
            NodeSession opened = new NodeSession(hello.getNode(), responses);
            session = opened;
            later(
                    () -> {
                        var unused = directory.hello(hello, "");
                        desk.opened(opened);
                        opened.send(
                                ToNode.newBuilder()
                                        .setWelcome(Welcome.newBuilder().setHeartbeatMillis(heartbeat.toMillis()).setLeaseMillis(lease.toMillis()))
                                        .build());
                        reconciler.hello(hello);
                        desk.resend(hello.getNode());
                        logs.streamChanged(hello.getNode());
                    });
        }

        private void take(NodeSession open, FromNode message) {
            switch (message.getMessageCase()) {
                case HEARTBEAT ->
                        open.send(ToNode.newBuilder().setHeartbeatReply(HeartbeatReply.newBuilder().setSequence(message.getHeartbeat().getSequence())).build());
                case PROGRESS -> desk.progress(message.getProgress());
                case LOG_DATA -> logs.data(message.getLogData());
                case RESULT ->
                        later(
                                () -> {
                                    desk.result(open.node(), message.getResult());
                                    if (message.getResult().hasJob()) {
                                        reconciler.report(open.node(), message.getResult().getJob());
                                    }
                                });
                case JOB_REPORT -> later(() -> reconciler.report(open.node(), message.getJobReport()));
                case HELLO, MESSAGE_NOT_SET -> LOG.warn("node {} says something this Ferry does not know", open.node());
            }
        }

        private void later(Runnable work) {
            try {
                turn.execute(
                        () -> {
                            try {
                                work.run();
                            } catch (RuntimeException failed) {
                                LOG.error("a message of a node could not be dealt with", failed);
                            }
                        });
            } catch (java.util.concurrent.RejectedExecutionException over) {
                LOG.debug("the stream is at its end", over);
            }
        }

        private void end() {
            NodeSession open = session;
            if (open != null) {
                later(
                        () -> {
                            desk.closed(open);
                            logs.streamChanged(open.node());
                            if (!desk.isConnected(open.node())) {
                                directory.silent(open.node());
                                LOG.info("the stream of node {} has ended", open.node());
                            }
                        });
            }
            turn.shutdown();
        }

        @Override
        public void onError(Throwable failure) {
            LOG.debug("the stream of a node broke", failure);
            end();
        }

        @Override
        public void onCompleted() {
            end();
            try {
                responses.onCompleted();
            } catch (IllegalStateException over) {
                LOG.debug("it was at its end", over);
            }
        }
    }
}
