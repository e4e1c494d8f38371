package dev.ferry.coordinator.api;

import com.google.protobuf.Message;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.access.Credentials;
import dev.ferry.coordinator.access.VerbRule;
import dev.ferry.coordinator.access.VerbRules;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The {@link Gate} before every gRPC call. Who is refused is so before a byte of his request is read. */
public final class CallGuard implements ServerInterceptor {
    private static final Logger LOG = LoggerFactory.getLogger(CallGuard.class);
    private static final Metadata.Key<String> AUTHORIZATION = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final Duration LOOK_AGAIN = Duration.ofSeconds(2);

    private final Gate gate;

    public CallGuard(Gate gate) {
        this.gate = gate;
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
        try {
            VerbRule rule = VerbRules.of(Objects.requireNonNull(call.getMethodDescriptor().getBareMethodName()));
            Caller caller = gate.caller(rule, new Credentials.Shown(Optional.ofNullable(headers.get(AUTHORIZATION)), certificate(call), from(call)));
            Guarded<Q, A> guarded = new Guarded<>(call, caller, rule);
            return new Listener<>(caller.call(() -> next.startCall(guarded, headers)), guarded);
        } catch (RuntimeException refused) {
            close(call, refused);
            return new ServerCall.Listener<>() {};
        }
    }

    private static Optional<X509Certificate> certificate(ServerCall<?, ?> call) {
        SSLSession session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
        try {
            return session == null ? Optional.empty() : Optional.of((X509Certificate) session.getPeerCertificates()[0]);
        } catch (SSLPeerUnverifiedException none) {
            // It showed none, as command lines do.
            return Optional.empty();
        }
    }

    private static String from(ServerCall<?, ?> call) {
        SocketAddress address = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
        if (address instanceof UnixDomainSocketAddress) {
            // A client's own end has no name.
            return "local socket";
        }
        return address == null ? "" : address.toString().replaceFirst("^/", "");
    }

    private static StatusRuntimeException status(RuntimeException failed) {
        if (!(failed instanceof FerryException)) {
            LOG.error("a call failed", failed);
        }
        return ErrorTransport.toStatus(failed);
    }

    private static void close(ServerCall<?, ?> call, RuntimeException failed) {
        StatusRuntimeException status = status(failed);
        call.close(status.getStatus(), Objects.requireNonNullElseGet(status.getTrailers(), Metadata::new));
    }

    /** The answers of one call. */
    private final class Guarded<Q, A> extends SimpleForwardingServerCall<Q, A> {
        private final Caller caller;
        private final VerbRule rule;
        private volatile long lookedNanos;
        private boolean answered;
        private @Nullable Message asked;
        private volatile boolean refused;

        Guarded(ServerCall<Q, A> call, Caller caller, VerbRule rule) {
            super(call);
            this.caller = caller;
            this.rule = rule;
        }

        Q request(Q message) {
            if (asked == null || System.nanoTime() - lookedNanos > LOOK_AGAIN.toNanos()) {
                // A stream may have been opened long before its first word, and may go on for long; whoever opened it may be put out since.
                gate.again(caller);
                lookedNanos = System.nanoTime();
            }
            asked = (Message) message;
            Message admitted = gate.request(caller, rule, asked);
            asked = admitted;
            return as(message, admitted);
        }

        @Override
        public void sendMessage(A message) {
            if (refused) {
                return;
            }
            try {
                // Only in a stream: what a single call has done is told, whatever became of the token meanwhile.
                if (answered && System.nanoTime() - lookedNanos > LOOK_AGAIN.toNanos()) {
                    gate.again(caller);
                    lookedNanos = System.nanoTime();
                } else if (!answered) {
                    lookedNanos = System.nanoTime();
                }
                boolean first = !answered;
                answered = true;
                super.sendMessage(as(message, first ? firstShown((Message) message) : gate.shown(caller, rule, (Message) message)));
            } catch (FerryException over) {
                refuse(over);
            }
        }

        /** A call is written down once, before anything of its answer goes out. */
        private Message firstShown(Message answer) {
            // A node's stream has no one request, and is not audited.
            return gate.answer(caller, rule, Objects.requireNonNullElse(asked, answer), answer);
        }

        @Override
        public void close(Status status, Metadata trailers) {
            if (refused) {
                return;
            }
            try {
                if (!status.isOk() && asked != null) {
                    gate.failed(caller, rule, asked, ErrorTransport.toError(status.asRuntimeException(trailers), "this coordinator"));
                }
            } catch (FerryException unrecorded) {
                LOG.error("the failure of a call is not in the audit log", unrecorded);
            }
            super.close(status, trailers);
        }

        @Override
        public boolean isCancelled() {
            return refused || super.isCancelled();
        }

        void refuse(RuntimeException why) {
            if (!refused) {
                StatusRuntimeException status = status(why);
                close(status.getStatus(), Objects.requireNonNullElseGet(status.getTrailers(), Metadata::new));
                refused = true;
            }
        }

        /** A message that was changed is of the type that it was. */
        @SuppressWarnings("unchecked")
        private static <T> T as(T before, Message after) {
            return (T) before.getClass().cast(after);
        }
    }

    /** The requests of one call. */
    private static final class Listener<Q> extends SimpleForwardingServerCallListener<Q> {
        private final Guarded<Q, ?> call;

        Listener(ServerCall.Listener<Q> next, Guarded<Q, ?> call) {
            super(next);
            this.call = call;
        }

        @Override
        public void onMessage(Q message) {
            if (call.refused) {
                return;
            }
            try {
                Q admitted = call.request(message);
                call.caller.run(() -> super.onMessage(admitted));
            } catch (RuntimeException refused) {
                call.refuse(refused);
            }
        }

        @Override
        public void onHalfClose() {
            if (!call.refused) {
                call.caller.run(super::onHalfClose);
            }
        }
    }
}
