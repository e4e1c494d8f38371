package dev.ferry.coordinator.leader;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.GrpcPorts;
import dev.ferry.coordinator.access.ServerTls;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.coordinator.api.HttpServer;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import io.grpc.HandlerRegistry;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The servers of a coordinator that does not lead: whoever calls is told who does. */
final class Standby implements AutoCloseable {
    private static final long ORDERLY_SECONDS = 1;

    private final Server grpc;
    private final HttpServer http;

    private Standby(Server grpc, HttpServer http) {
        this.grpc = grpc;
        this.http = http;
    }

    /**
     * @param leader who leads as far as is known, as in {@link #detail}
     */
    static Standby start(NettyServerBuilder builder, String httpListen, Optional<ServerTls> tls, Supplier<String> leader) throws IOException {
        HttpServer http = HttpServer.bind(httpListen, tls.map(ServerTls::identity));
        try {
            http.standBy(() -> detail(leader.get()));
            return new Standby(builder.fallbackHandlerRegistry(new Refusal(leader)).build().start(), http);
        } catch (IOException | RuntimeException failed) {
            closeHttp(http);
            throw failed;
        }
    }

    /** What is answered to every call. */
    static ErrorDetail detail(String leader) {
        String who = leader.isEmpty() ? "; no coordinator leads now, one will in a few seconds" : "; the one at " + leader + " does";
        return new FerryException(ErrorCode.NOT_LEADER, "This coordinator does not lead" + who).detail().toBuilder().setLeader(leader).build();
    }

    Server grpc() {
        return grpc;
    }

    int httpPort() {
        return http.port();
    }

    private static void closeHttp(HttpServer http) {
        try {
            http.close();
        } catch (Exception failed) {
            throw new IllegalStateException("the HTTP server did not end", failed);
        }
    }

    /** Who is being refused at this moment is still told why: a call that is cut off could not be asked again elsewhere, for all that its caller knows. */
    @Override
    public void close() throws InterruptedException {
        GrpcPorts.end(grpc, ORDERLY_SECONDS);
        closeHttp(http);
    }

    /** Knows every method, and refuses it. */
    private static final class Refusal extends HandlerRegistry {
        private final Supplier<String> leader;

        Refusal(Supplier<String> leader) {
            this.leader = leader;
        }

        @Override
        public ServerMethodDefinition<?, ?> lookupMethod(String name, @Nullable String authority) {
            MethodDescriptor<byte[], byte[]> method =
                    MethodDescriptor.<byte[], byte[]>newBuilder()
                            .setType(MethodDescriptor.MethodType.UNKNOWN)
                            .setFullMethodName(name)
                            .setRequestMarshaller(new Bytes())
                            .setResponseMarshaller(new Bytes())
                            .build();
            return ServerMethodDefinition.create(
                    method,
                    (call, headers) -> {
                        StatusRuntimeException refused = ErrorTransport.toStatus(new FerryException(detail(leader.get())));
                        Metadata trailers = refused.getTrailers();
                        call.close(refused.getStatus(), trailers == null ? new Metadata() : trailers);
                        return new ServerCall.Listener<>() {};
                    });
        }
    }

    private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }
    }
}
