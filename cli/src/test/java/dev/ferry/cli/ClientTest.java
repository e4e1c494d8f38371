package dev.ferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which of several coordinators is asked. */
class ClientTest {
    /** Less than a call's own deadline. */
    private static final long SOON_SECONDS = 20;

    private static final long EPOCH = 7;
    private static final Access ANYONE = new Access(Optional.empty(), Optional.empty(), false, Optional.empty());

    private io.grpc.Server leader;
    /** Takes connections, as the kernel does for a process that is stopped, and says nothing. */
    private ServerSocket silent;
    private Client client;

    @BeforeEach
    void open() throws Exception {
        leader = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).addService(new Leader()).build().start();
        silent = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
        client = new Client("127.0.0.1:" + silent.getLocalPort() + ",127.0.0.1:" + leader.getPort(), ANYONE);
    }

    @AfterEach
    void close() throws Exception {
        client.close();
        silent.close();
        leader.shutdownNow();
    }

    @Test
    @Timeout(value = SOON_SECONDS, unit = TimeUnit.SECONDS)
    void aCoordinatorThatTakesConnectionsAndSaysNothingKeepsNobodyFromTheNext() {
        assertThat(client.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance())).getEpoch()).isEqualTo(EPOCH);
    }

    /** Such a call has no deadline. */
    @Test
    @Timeout(value = SOON_SECONDS, unit = TimeUnit.SECONDS)
    void norWhoFollowsAnOperation() {
        assertThat(client.follow(stub -> stub.watchOperation(GetOperationRequest.newBuilder().setOperation("op-1").build()), now -> {}).getId()).isEqualTo("op-1");
    }

    private static final class Leader extends FerryGrpc.FerryImplBase {
        @Override
        public void getServer(GetServerRequest request, StreamObserver<Server> to) {
            to.onNext(Server.newBuilder().setEpoch(EPOCH).build());
            to.onCompleted();
        }

        @Override
        public void watchOperation(GetOperationRequest request, StreamObserver<Operation> to) {
            to.onNext(Operation.newBuilder().setId(request.getOperation()).build());
            to.onCompleted();
        }
    }
}
