package dev.ferry.coordinator;

import com.google.protobuf.Message;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.DecisionsGrpc;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.NodeLinkGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Any RPC by its name, as a program does that knows the protocol and nothing else. */
public final class AnyCall {
    private AnyCall() {}

    /** Every method of every service. */
    public static List<MethodDescriptor<Message, Message>> methods() {
        return Stream.of(FerryGrpc.getServiceDescriptor(), AccessGrpc.getServiceDescriptor(), AccountsGrpc.getServiceDescriptor(), DecisionsGrpc.getServiceDescriptor(), NodeLinkGrpc.getServiceDescriptor())
                .flatMap(service -> service.getMethods().stream())
                .map(AnyCall::typed)
                .toList();
    }

    @SuppressWarnings("unchecked")
    private static MethodDescriptor<Message, Message> typed(MethodDescriptor<?, ?> method) {
        if (!(method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier)) {
            throw new IllegalStateException(method + " does not carry protobuf messages");
        }
        return (MethodDescriptor<Message, Message>) method;
    }

    public static String name(MethodDescriptor<?, ?> method) {
        return Objects.requireNonNull(method.getBareMethodName());
    }

    static MethodDescriptor<Message, Message> method(String name) {
        return methods().stream().filter(method -> name(method).equals(name)).findFirst().orElseThrow();
    }

    /** An empty request. */
    public static Message request(MethodDescriptor<Message, Message> method) {
        return Objects.requireNonNull(((MethodDescriptor.PrototypeMarshaller<Message>) method.getRequestMarshaller()).getMessagePrototype());
    }

    /**
     * Calls and takes the first answer.
     *
     * @param token empty: none is shown
     * @return the error, if it ended in one
     */
    public static Optional<ErrorCode> call(Channel channel, Optional<String> token, MethodDescriptor<Message, Message> method, Message request) {
        Channel showing = token.map(text -> ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(CoordinatorScene.headers(text)))).orElse(channel);
        CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS);
        try {
            switch (method.getType()) {
                // Of a stream of requests one, which is the first and the last.
                case UNARY, CLIENT_STREAMING -> {
                    Message ignored = ClientCalls.blockingUnaryCall(showing, method, options, request);
                }
                case SERVER_STREAMING -> {
                    Iterator<Message> answers = ClientCalls.blockingServerStreamingCall(showing, method, options, request);
                    if (answers.hasNext()) {
                        Message ignored = answers.next();
                    }
                }
                case BIDI_STREAMING, UNKNOWN -> throw new IllegalArgumentException(method + " takes a stream");
            }
            return Optional.empty();
        } catch (StatusRuntimeException failed) {
            return Optional.of(ErrorTransport.toError(failed, "the test").code());
        }
    }
}
