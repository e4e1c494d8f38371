package dev.ferry.coordinator.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import io.grpc.Status;
import java.nio.channels.ClosedChannelException;
import org.junit.jupiter.api.Test;

/** What a caller is told when it is not the coordinator that says what is wrong. */
class ErrorTransportTest {
    private static FerryException told(Status status) {
        return ErrorTransport.toError(status.asRuntimeException(), "127.0.0.1:7070");
    }

    /** A coordinator that is killed between two writes of a call: whoever may ask again has to know that nobody is there. */
    @Test
    void aConnectionThatBreaksIsNobodyThere() {
        FerryException broken = told(Status.UNKNOWN.withDescription("channel closed").withCause(new ClosedChannelException()));
        assertThat(broken.code()).isEqualTo(ErrorCode.COORDINATOR_UNREACHABLE);
        assertThat(broken).hasMessageContaining("127.0.0.1:7070").hasMessageContaining("channel closed");
        assertThat(told(Status.UNAVAILABLE).code()).isEqualTo(ErrorCode.COORDINATOR_UNREACHABLE);
    }

    /** Found by {@code ferry chaos run}, which took it for its own end when the coordinator that it asked was killed and another one began to lead. */
    @Test
    void aCallThatTheOtherEndDropsIsNobodyThere() {
        assertThat(told(Status.CANCELLED.withDescription("RST_STREAM closed stream. HTTP/2 error code: CANCEL")).code()).isEqualTo(ErrorCode.COORDINATOR_UNREACHABLE);
        assertThat(told(Status.CANCELLED.withDescription("Thread interrupted").withCause(new InterruptedException())).code()).isEqualTo(ErrorCode.CANCELLED);
    }

    @Test
    void anAnswerThatSaysNothingIsAFault() {
        assertThat(told(Status.UNKNOWN).code()).isEqualTo(ErrorCode.INTERNAL);
        assertThat(told(Status.DATA_LOSS.withCause(new IllegalStateException("not of the connection"))).code()).isEqualTo(ErrorCode.INTERNAL);
    }
}
