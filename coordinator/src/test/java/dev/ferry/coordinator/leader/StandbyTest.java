package dev.ferry.coordinator.leader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Configs;
import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.coordinator.GrpcPorts;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetServerRequest;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A coordinator that stands by until it leads. */
class StandbyTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    private final CountDownLatch asked = new CountDownLatch(1);
    private final CountDownLatch known = new CountDownLatch(1);

    private String leader() {
        asked.countDown();
        try {
            boolean ignored = known.await(SOON.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        return "127.0.0.1:1";
    }

    private static boolean listens(int port) {
        try (Socket tried = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return tried.isConnected();
        } catch (IOException refused) {
            return false;
        }
    }

    private static ErrorCode refusal(ManagedChannel channel) {
        try {
            var ignored = FerryGrpc.newBlockingStub(channel).withDeadlineAfter(SOON.toSeconds(), TimeUnit.SECONDS).getServer(GetServerRequest.getDefaultInstance());
            throw new AssertionError("it was not refused");
        } catch (StatusRuntimeException refused) {
            return ErrorTransport.toError(refused, "the test").code();
        }
    }

    /** A call that is cut off has perhaps been done, for all that its caller knows: who was about to be sent on would be told of a failure. */
    @Test
    void whoIsBeingRefusedWhenItBeginsToLeadIsStillToldSo() throws Exception {
        CoordinatorConfig config = Configs.parse("{grpcListen: '127.0.0.1:0', httpListen: '127.0.0.1:0'}", "the test", CoordinatorConfig.defaults());
        Standby standby = Standby.start(GrpcPorts.builder(config, Optional.empty()), "127.0.0.1:0", Optional.empty(), this::leader);
        int port = standby.grpc().getPort();
        ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
        try {
            CompletableFuture<ErrorCode> refusal = CompletableFuture.supplyAsync(() -> refusal(channel));
            assertThat(asked.await(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
            Thread closing = Thread.ofPlatform().start(() -> close(standby));
            await().atMost(SOON).until(() -> !listens(port));
            known.countDown();
            assertThat(refusal.get(SOON.toSeconds(), TimeUnit.SECONDS)).isEqualTo(ErrorCode.NOT_LEADER);
            assertThat(closing.join(SOON)).isTrue();
        } finally {
            channel.shutdownNow();
        }
    }

    private static void close(Standby standby) {
        try {
            standby.close();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
