package dev.ferry.coordinator.nodes;

import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.NodeLinkGrpc;
import dev.ferry.proto.v1.ToNode;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The daemons' side of the gRPC server: carries messages between their streams and {@link NodeStreams}. */
public final class NodeLinkService extends NodeLinkGrpc.NodeLinkImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(NodeLinkService.class);

    private final NodeStreams streams;

    public NodeLinkService(NodeStreams streams) {
        this.streams = streams;
    }

    @Override
    public StreamObserver<FromNode> connect(StreamObserver<ToNode> responses) {
        return new Carrier((ServerCallStreamObserver<ToNode>) responses);
    }

    private final class Carrier implements StreamObserver<FromNode>, NodeLine {
        private final ServerCallStreamObserver<ToNode> responses;
        private final NodeStream stream;

        Carrier(ServerCallStreamObserver<ToNode> responses) {
            this.responses = responses;
            stream = streams.open(this);
            responses.setOnCancelHandler(stream::end);
        }

        @Override
        public void say(ToNode message) {
            if (responses.isCancelled()) {
                return;
            }
            try {
                responses.onNext(message);
            } catch (IllegalStateException over) {
                LOG.debug("the stream of a node is at its end", over);
            }
        }

        @Override
        public void end() {
            try {
                responses.onCompleted();
            } catch (IllegalStateException over) {
                LOG.debug("it was at its end", over);
            }
        }

        @Override
        public void refuse(String why) {
            responses.onError(Status.FAILED_PRECONDITION.withDescription(why).asRuntimeException());
        }

        @Override
        public void onNext(FromNode message) {
            stream.take(message);
        }

        @Override
        public void onError(Throwable failure) {
            LOG.debug("the stream of a node broke", failure);
            stream.end();
        }

        @Override
        public void onCompleted() {
            stream.end();
            end();
        }
    }
}
