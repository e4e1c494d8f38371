package dev.ferry.node.peers;

import com.google.protobuf.UnsafeByteOperations;
import dev.ferry.proto.v1.FetchChunksRequest;
import dev.ferry.proto.v1.FetchedChunk;
import dev.ferry.proto.v1.NodePeerGrpc;
import dev.ferry.proto.v1.WantedChunk;
import dev.ferry.storage.image.ChunkCache;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Gives chunks out of this node's cache. A chunk is read when the caller's stream has room for it and not before, so that a caller who is slow, or takes nothing at all, costs the memory of a few chunks, and
 * that for a bounded time: each call says when it ends, and gRPC ends it then.
 */
final class PeerService extends NodePeerGrpc.NodePeerImplBase {
    /** Of one request. */
    static final int MOST_CHUNKS = 16;

    static final Duration LONGEST = Duration.ofSeconds(10);

    private final ChunkCache cache;
    private final Semaphore places;

    /**
     * @param most calls at a time; who comes when there are so many is told that nothing is here, and goes to the store
     */
    PeerService(ChunkCache cache, int most) {
        this.cache = cache;
        places = new Semaphore(most);
    }

    @Override
    public void fetchChunks(FetchChunksRequest request, StreamObserver<FetchedChunk> responses) {
        Deadline end = Context.current().getDeadline();
        if (request.getChunksCount() > MOST_CHUNKS) {
            refuse(responses, "at most " + MOST_CHUNKS + " chunks may be asked for at a time");
        } else if (end == null || end.timeRemaining(TimeUnit.MILLISECONDS) > LONGEST.toMillis()) {
            refuse(responses, "a call must have a deadline, of at most " + LONGEST.toSeconds() + " s");
        } else {
            new Answer(request.getChunksList(), (ServerCallStreamObserver<FetchedChunk>) responses).begin();
        }
    }

    private static void refuse(StreamObserver<FetchedChunk> responses, String why) {
        responses.onError(Status.INVALID_ARGUMENT.withDescription(why).asRuntimeException());
    }

    /** How many more calls would be answered with chunks now. */
    int free() {
        return places.availablePermits();
    }

    /** The answer to one call; gRPC calls it back by one thread at a time. */
    private final class Answer {
        private final List<WantedChunk> wanted;
        private final ServerCallStreamObserver<FetchedChunk> caller;
        private final boolean busy;
        private int next;
        private boolean over;

        Answer(List<WantedChunk> wanted, ServerCallStreamObserver<FetchedChunk> caller) {
            this.wanted = wanted;
            this.caller = caller;
            busy = !places.tryAcquire();
        }

        /** It is called back as soon as the call is taken up, and each time that there is room again. */
        void begin() {
            caller.setOnReadyHandler(this::goOn);
            caller.setOnCancelHandler(this::finish);
            // An error of ours ends the call without any cancelling.
            caller.setOnCloseHandler(this::finish);
        }

        private void goOn() {
            while (!over && next < wanted.size() && caller.isReady()) {
                caller.onNext(one(next++));
            }
            if (!over && next == wanted.size()) {
                finish();
                caller.onCompleted();
            }
        }

        private FetchedChunk one(int index) {
            FetchedChunk.Builder answer = FetchedChunk.newBuilder().setIndex(index);
            WantedChunk chunk = wanted.get(index);
            boolean possible = !busy && chunk.getStored() > 0 && chunk.getStored() <= ChunkCache.MOST_BYTES;
            if (possible) {
                byte[] bytes = new byte[chunk.getStored()];
                if (cache.get(chunk.getName(), ByteBuffer.wrap(bytes))) {
                    answer.setStored(UnsafeByteOperations.unsafeWrap(bytes));
                }
            }
            return answer.build();
        }

        /** Also when the caller is gone, or its time is over. */
        private void finish() {
            if (!over && !busy) {
                places.release();
            }
            over = true;
        }
    }
}
