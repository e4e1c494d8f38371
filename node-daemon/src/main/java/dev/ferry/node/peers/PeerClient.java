package dev.ferry.node.peers;

import dev.ferry.proto.v1.FetchChunksRequest;
import dev.ferry.proto.v1.FetchedChunk;
import dev.ferry.proto.v1.NodePeerGrpc;
import dev.ferry.proto.v1.Peer;
import dev.ferry.proto.v1.WantedChunk;
import dev.ferry.storage.ChunkPeer;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks another node's cache, by one connection, which is made while the manifest is read. */
final class PeerClient implements ChunkPeer {
    private static final Logger LOG = LoggerFactory.getLogger(PeerClient.class);

    private final Peer peer;
    private final Duration patience;
    private final CompletableFuture<ManagedChannel> connection;

    /**
     * @param channel makes the channel to it
     * @param patience for one answer: a peer that is slower than that for about a megabyte is slower than any store
     */
    PeerClient(Peer peer, Supplier<ManagedChannel> channel, Duration patience) {
        this.peer = peer;
        this.patience = patience;
        connection =
                CompletableFuture.supplyAsync(
                        () -> {
                            ManagedChannel made = channel.get();
                            ConnectivityState ignored = made.getState(true);
                            return made;
                        },
                        work -> Thread.ofPlatform().daemon().name("peer " + peer.getNode()).start(work));
    }

    @Override
    public BitSet fetch(List<Asked> chunks) throws IOException {
        long end = System.nanoTime() + patience.toNanos();
        FetchChunksRequest.Builder request = FetchChunksRequest.newBuilder();
        chunks.forEach(one -> request.addChunks(WantedChunk.newBuilder().setName(one.name()).setStored(one.into().remaining())));
        BitSet given = new BitSet();
        try {
            ManagedChannel channel = connection.get(patience.toNanos(), TimeUnit.NANOSECONDS);
            // It takes the next message when this one was taken: what is not read here is not sent there.
            Iterator<FetchedChunk> answers =
                    NodePeerGrpc.newBlockingStub(channel).withDeadlineAfter(end - System.nanoTime(), TimeUnit.NANOSECONDS).fetchChunks(request.build());
            while (answers.hasNext()) {
                take(answers.next(), chunks, given);
            }
            return given;
        } catch (StatusRuntimeException failed) {
            throw new IOException(failed.getStatus().getCode() + (failed.getStatus().getDescription() == null ? "" : ": " + failed.getStatus().getDescription()), failed);
        } catch (ExecutionException failed) {
            throw new IOException("it can't be connected to: " + failed.getCause(), failed);
        } catch (TimeoutException late) {
            throw new IOException("there was no connection to it within " + patience.toMillis() + " ms", late);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("it was interrupted", interrupted);
        }
    }

    private static void take(FetchedChunk answer, List<Asked> chunks, BitSet given) throws IOException {
        int index = answer.getIndex();
        if (index < 0 || index >= chunks.size() || given.get(index)) {
            throw new IOException("it gave chunk " + index + ", for which it was not asked");
        }
        if (answer.getStored().isEmpty()) {
            return;
        }
        ByteBuffer into = chunks.get(index).into();
        if (answer.getStored().size() != into.remaining()) {
            throw new IOException("it gave " + answer.getStored().size() + " bytes for a chunk of " + into.remaining());
        }
        answer.getStored().copyTo(into);
        given.set(index);
    }

    @Override
    public void close() {
        var unused = connection.thenAccept(ManagedChannel::shutdownNow);
        if (connection.isCompletedExceptionally()) {
            LOG.debug("there is nothing to close for {}", this);
        }
    }

    @Override
    public String toString() {
        return "Node " + peer.getNode() + " at " + peer.getAddress();
    }
}
