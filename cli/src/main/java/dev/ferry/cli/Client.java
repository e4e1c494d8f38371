package dev.ferry.cli;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.ErrorCode;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.nio.NioEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;

/** A connection to a coordinator. */
public final class Client implements AutoCloseable {
    private static final Duration ANSWER = Duration.ofSeconds(30);
    private static final int MOST_MESSAGE = 64 << 20;

    private static final long END_MILLIS = 200;

    private final String server;
    private final ManagedChannel channel;
    // Not gRPC's shared threads: those sit in the kernel until the end, and the JVM waits 300 ms for such threads when it exits.
    private final NioEventLoopGroup thread = new NioEventLoopGroup(1, Thread.ofPlatform().daemon().name("client").factory());

    public Client(String server) {
        if (!server.matches("([^\\s:]+|\\[[^\\]]+\\]):\\d{1,5}")) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + server + "' is not the address of a coordinator; write host:port");
        }
        this.server = server;
        channel = NettyChannelBuilder.forTarget(server).eventLoopGroup(thread).channelType(NioSocketChannel.class).usePlaintext().maxInboundMessageSize(MOST_MESSAGE).directExecutor().build();
    }

    public String server() {
        return server;
    }

    /**
     * Asks for one answer.
     *
     * @throws FerryException what the coordinator says is wrong, or COORDINATOR_UNREACHABLE
     */
    public <T> T ask(Function<FerryGrpc.FerryBlockingStub, T> call) {
        try {
            return call.apply(FerryGrpc.newBlockingStub(channel).withDeadlineAfter(ANSWER.toMillis(), TimeUnit.MILLISECONDS));
        } catch (StatusRuntimeException failed) {
            throw ErrorTransport.toError(failed, server);
        }
    }

    /**
     * Takes a stream of answers to its end, however long it takes.
     *
     * @return the last one
     */
    public <T> T follow(Function<FerryGrpc.FerryBlockingStub, Iterator<T>> call, Consumer<T> each) {
        T last = null;
        try {
            Iterator<T> answers = call.apply(FerryGrpc.newBlockingStub(channel));
            while (answers.hasNext()) {
                last = answers.next();
                each.accept(last);
            }
        } catch (StatusRuntimeException failed) {
            throw ErrorTransport.toError(failed, server);
        }
        if (last == null) {
            throw new FerryException(ErrorCode.INTERNAL, "The coordinator at " + server + " answered nothing");
        }
        return last;
    }

    /** As {@link #follow}, for a stream that may be empty. */
    public <T> void each(Function<FerryGrpc.FerryBlockingStub, Iterator<T>> call, Consumer<T> each) {
        try {
            call.apply(FerryGrpc.newBlockingStub(channel)).forEachRemaining(each);
        } catch (StatusRuntimeException failed) {
            throw ErrorTransport.toError(failed, server);
        }
    }

    @Override
    public void close() {
        channel.shutdownNow();
        var ended = thread.shutdownGracefully(0, END_MILLIS, TimeUnit.MILLISECONDS);
        boolean ignored = ended.awaitUninterruptibly(END_MILLIS, TimeUnit.MILLISECONDS);
    }
}
