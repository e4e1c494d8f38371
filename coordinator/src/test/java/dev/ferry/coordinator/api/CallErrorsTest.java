package dev.ferry.coordinator.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.ErrorCode;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CallErrorsTest {
    /** Nobody else would answer, and whoever has asked would wait until his own deadline. */
    @Test
    void whoHasAskedHearsOfAnErrorToo() {
        List<Throwable> told = new ArrayList<>();
        StreamObserver<String> to =
                new StreamObserver<>() {
                    @Override
                    public void onNext(String answer) {}

                    @Override
                    public void onError(Throwable failed) {
                        told.add(failed);
                    }

                    @Override
                    public void onCompleted() {}
                };
        FerryService.answer(
                to,
                () -> {
                    throw new NoClassDefFoundError("as the test says");
                });
        assertThat(told).singleElement().isInstanceOfSatisfying(StatusRuntimeException.class, failed -> assertThat(ErrorTransport.toError(failed, "the test").code()).isEqualTo(ErrorCode.INTERNAL));
    }
}
