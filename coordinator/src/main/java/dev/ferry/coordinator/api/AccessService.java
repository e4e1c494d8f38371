package dev.ferry.coordinator.api;

import com.google.protobuf.ByteString;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.StateTransfer;
import dev.ferry.coordinator.access.AuditLog;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.access.NodeIdentities;
import dev.ferry.coordinator.access.Tokens;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.BackupStateRequest;
import dev.ferry.proto.v1.CreateJoinTokenRequest;
import dev.ferry.proto.v1.CreateJoinTokenResponse;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.CreateTokenResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ListTokensRequest;
import dev.ferry.proto.v1.ListTokensResponse;
import dev.ferry.proto.v1.NodeCertificate;
import dev.ferry.proto.v1.NodeIdentity;
import dev.ferry.proto.v1.NodeKey;
import dev.ferry.proto.v1.ReadAuditRequest;
import dev.ferry.proto.v1.RevokeNodeRequest;
import dev.ferry.proto.v1.RevokeTokenRequest;
import dev.ferry.proto.v1.StatePiece;
import dev.ferry.proto.v1.Token;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;

/** The administrators' side of the gRPC server. */
public final class AccessService extends AccessGrpc.AccessImplBase {
    private final Tokens tokens;
    private final AuditLog audit;
    private final Optional<NodeIdentities> nodes;
    private final Consumer<String> expel;
    private final Backup backup;

    /** Gives the whole state, piece by piece. */
    public interface Backup {
        void to(StateTransfer.Pieces pieces) throws IOException;
    }

    /**
     * @param nodes empty: nodes are not known by certificates
     * @param expel ends the stream of a node
     */
    public AccessService(Tokens tokens, AuditLog audit, Optional<NodeIdentities> nodes, Consumer<String> expel, Backup backup) {
        this.tokens = tokens;
        this.audit = audit;
        this.nodes = nodes;
        this.expel = expel;
        this.backup = backup;
    }

    @Override
    public void createToken(CreateTokenRequest request, StreamObserver<CreateTokenResponse> to) {
        FerryService.answer(to, () -> tokens.create(request));
    }

    @Override
    public void listTokens(ListTokensRequest request, StreamObserver<ListTokensResponse> to) {
        FerryService.answer(to, () -> ListTokensResponse.newBuilder().addAllTokens(tokens.list(request.getAll())).build());
    }

    @Override
    public void revokeToken(RevokeTokenRequest request, StreamObserver<Token> to) {
        FerryService.answer(to, () -> tokens.revoke(request.getId()));
    }

    private NodeIdentities nodes() {
        return nodes.orElseThrow(() -> new FerryException(ErrorCode.WRONG_STATE, "This coordinator does not know nodes by certificates: it runs without TLS"));
    }

    @Override
    public void createJoinToken(CreateJoinTokenRequest request, StreamObserver<CreateJoinTokenResponse> to) {
        FerryService.answer(to, () -> nodes().invite(request));
    }

    @Override
    public void revokeNode(RevokeNodeRequest request, StreamObserver<NodeIdentity> to) {
        FerryService.answer(
                to,
                () -> {
                    try {
                        return nodes().revoke(request.getNode());
                    } finally {
                        // Also when the database has written it and not said so: who comes again is looked up there.
                        expel.accept(request.getNode());
                    }
                });
    }

    @Override
    public void joinNode(NodeKey request, StreamObserver<NodeCertificate> to) {
        FerryService.answer(
                to,
                () -> {
                    NodeCertificate joined = nodes().join(Caller.current().occasion(), request);
                    // Whose place it took is out.
                    expel.accept(request.getNode());
                    return joined;
                });
    }

    @Override
    public void renewNode(NodeKey request, StreamObserver<NodeCertificate> to) {
        FerryService.answer(to, () -> nodes().renew(Caller.current().name(), Caller.current().occasion(), request));
    }

    @Override
    public void readAudit(ReadAuditRequest request, StreamObserver<AuditEntry> to) {
        FerryService.stream(
                to,
                () ->
                        audit.read(
                                request.getSince(),
                                entry -> {
                                    if (FerryService.awaitRoom((ServerCallStreamObserver<AuditEntry>) to)) {
                                        to.onNext(entry);
                                    }
                                }));
    }

    @Override
    public void backupState(BackupStateRequest request, StreamObserver<StatePiece> to) {
        FerryService.stream(
                to,
                () ->
                        backup.to(
                                piece -> {
                                    boolean open = FerryService.awaitRoom((ServerCallStreamObserver<StatePiece>) to);
                                    if (open) {
                                        to.onNext(StatePiece.newBuilder().setContent(ByteString.copyFrom(piece)).build());
                                    }
                                    return open;
                                }));
    }
}
