package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.access.VerbRule;
import dev.ferry.coordinator.access.VerbRules;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.LogChunk;
import dev.ferry.proto.v1.ReadLogRequest;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A job's log as plain bytes, in chunks as they come: GET /v1/jobs/{job}/log?offset=N&follow=true. */
final class HttpLog {
    static final String PATH = "/v1/jobs/{job}/log";

    private static final Logger LOG = LoggerFactory.getLogger(HttpLog.class);
    private static final long ROOM_SECONDS = 60;
    /** How long a token that was revoked may still follow a log. */
    private static final long LOOK_AGAIN_NANOS = 2_000_000_000;

    private HttpLog() {}

    /** Called on a thread that may wait. An error before the first byte passes through; a later one cuts the answer off. */
    static void answer(RoutingContext context, LogReader logs, Gate gate) {
        VerbRule rule = VerbRules.of("ReadLog");
        Caller caller = HttpServer.caller(context, rule, gate);
        ReadLogRequest.Builder request = ReadLogRequest.newBuilder();
        context.queryParams().forEach(parameter -> Route.set(request, parameter.getKey(), parameter.getValue()));
        request.setJob(context.pathParam("job"));
        if (request.getOffset() < 0) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Parameter 'offset' must not be negative");
        }
        String job = ((ReadLogRequest) gate.request(caller, rule, request.build())).getJob();
        Answer answer = new Answer(context.response(), () -> gate.again(caller));
        try {
            logs.read(job, request.getOffset(), request.getIncarnation(), request.getFollow(), answer);
            if (answer.gaveUp) {
                // An orderly end would say that this was all.
                answer.cut();
            } else {
                answer.end();
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            answer.cut();
        } catch (RuntimeException | Error failed) {
            if (!answer.begun) {
                throw failed;
            }
            LOG.info("the log of {} was cut off: {}", request.getJob(), failed.toString());
            answer.cut();
        }
    }

    private static final class Answer implements LogReader.Sink {
        private final HttpServerResponse response;
        private final Runnable lookAgain;
        private long lookedNanos = System.nanoTime();
        private boolean begun;
        private boolean gaveUp;

        Answer(HttpServerResponse response, Runnable lookAgain) {
            this.response = response;
            this.lookAgain = lookAgain;
        }

        private void begin() {
            if (!begun) {
                begun = true;
                response.setChunked(true).putHeader("content-type", "application/octet-stream");
            }
        }

        @Override
        public boolean take(LogChunk piece) throws InterruptedException {
            if (!piece.getNotice().isEmpty()) {
                // Plain bytes have no place for what is said beside them.
                return true;
            }
            begin();
            if (System.nanoTime() - lookedNanos > LOOK_AGAIN_NANOS) {
                lookAgain.run();
                lookedNanos = System.nanoTime();
            }
            try {
                // The write ends when the bytes are on their way: a slow reader holds back whoever reads for him.
                var unused = response.write(Buffer.buffer(piece.getData().toByteArray())).toCompletionStage().toCompletableFuture().get(ROOM_SECONDS, TimeUnit.SECONDS);
                return true;
            } catch (ExecutionException | TimeoutException gone) {
                LOG.debug("nobody reads the log any more", gone);
                gaveUp = true;
                return false;
            }
        }

        @Override
        public boolean isOpen() {
            return !response.closed();
        }

        void end() {
            begin();
            if (isOpen()) {
                var unused = response.end();
            }
        }

        void cut() {
            var unused = response.reset();
        }
    }
}
