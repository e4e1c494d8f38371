package dev.ferry.node.peers;

import com.google.protobuf.UnsafeByteOperations;
import dev.ferry.proto.v1.FetchChunksRequest;
import dev.ferry.proto.v1.FetchedChunk;
import dev.ferry.proto.v1.NodePeerGrpc;
import dev.ferry.proto.v1.WantedChunk;
import dev.ferry.storage.image.ChunkCache;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Gives chunks out of this node's cache. A chunk is read when the caller's stream has room for it and not before, so that a caller who is slow, or takes nothing at all, costs one chunk of memory, and for a
 * bounded time.
 */
final class PeerService extends NodePeerGrpc.NodePeerImplBase {
    /** Of one request. */
    static final int MOST_CHUNKS = 16;

    private final ChunkCache cache;
    private final ScheduledExecutorService timer;
    private final Duration longest;
    private final Semaphore places;

    /**
     * @param longest how long a call may take, whatever its caller thinks
     * @param most calls at a time; who comes when there are so many is told that nothing is here, and goes to the store
     */
    PeerService(ChunkCache cache, ScheduledExecutorService timer, Duration longest, int most) {
        this.cache = cache;
        this.timer = timer;
        this.longest = longest;
        places = new Semaphore(most);
    }

    @Override
    public void fetchChunks(FetchChunksRequest request, StreamObserver<FetchedChunk> responses) {
        if (request.getChunksCount() > MOST_CHUNKS) {
            responses.onError(Status.INVALID_ARGUMENT.withDescription("at most " + MOST_CHUNKS + " chunks may be asked for at a time").asRuntimeException());
            return;
        }
        new Answer(request.getChunksList(), (ServerCallStreamObserver<FetchedChunk>) responses).begin();
    }

    /** How many more calls would be answered with chunks now. */
    int free() {
        return places.availablePermits();
    }

    /** The answer to one call; all that it says is said under its lock. */
    private final class Answer {
        private final List<WantedChunk> wanted;
        private final ServerCallStreamObserver<FetchedChunk> caller;
        private final boolean busy;
        private final ScheduledFuture<?> end;
        private int next;
        private boolean over;

        Answer(List<WantedChunk> wanted, ServerCallStreamObserver<FetchedChunk> caller) {
            this.wanted = wanted;
            this.caller = caller;
            busy = !places.tryAcquire();
            end = timer.schedule(this::late, longest.toMillis(), TimeUnit.MILLISECONDS);
        }

        /** gRPC says that there is room as soon as the call is taken up, and each time that there is room again. */
        void begin() {
            caller.setOnReadyHandler(this::goOn);
            caller.setOnCancelHandler(this::cancelled);
        }

        private synchronized void goOn() {
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

        private synchronized void late() {
            if (!over) {
                finish();
                caller.onError(Status.DEADLINE_EXCEEDED.withDescription("the answer was not taken within " + longest.toSeconds() + " s").asRuntimeException());
            }
        }

        private synchronized void cancelled() {
            if (!over) {
                finish();
            }
        }

        private void finish() {
            over = true;
            boolean ignored = end.cancel(false);
            if (!busy) {
                places.release();
            }
        }
    }
}
