package dev.ferry.cli;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.ErrorCode;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;

/** A call that takes many requests, no faster than the coordinator does, and gives one answer. Used once. */
public final class Upload<Q, A> {
    private final BlockingClientCall<Q, A> call;
    private final String server;

    Upload(BlockingClientCall<Q, A> call, String server) {
        this.call = call;
        this.server = server;
    }

    /** Whoever has requests to send. */
    public interface Source<Q> {
        void to(Sink<Q> sink) throws IOException;
    }

    /** Whoever takes them. */
    public interface Sink<Q> {
        /**
         * Waits while there is no room.
         *
         * @return false when nothing more is taken; the answer says why
         */
        boolean send(Q request);
    }

    A run(Source<Q> source) throws IOException {
        try {
            source.to(this::send);
            call.halfClose();
            return answer();
        } catch (IOException | RuntimeException failed) {
            call.cancel("nothing more is sent", failed);
            throw failed;
        }
    }

    private boolean send(Q request) {
        try {
            return call.write(request);
        } catch (StatusException ended) {
            // The answer says why.
            return false;
        } catch (InterruptedException interrupted) {
            throw interrupted(interrupted);
        }
    }

    private A answer() {
        try {
            A answer = call.read();
            if (answer == null) {
                throw new FerryException(ErrorCode.INTERNAL, "The coordinator at " + server + " answered nothing");
            }
            return answer;
        } catch (StatusException failed) {
            throw ErrorTransport.toError(new StatusRuntimeException(failed.getStatus(), failed.getTrailers()), server);
        } catch (InterruptedException interrupted) {
            throw interrupted(interrupted);
        }
    }

    private static FerryException interrupted(InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        return new FerryException(ErrorCode.CANCELLED, "The call was interrupted", interrupted);
    }
}
