package dev.ferry.coordinator.api;

import dev.ferry.coordinator.access.AuditLog;
import dev.ferry.coordinator.access.Tokens;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.CreateTokenResponse;
import dev.ferry.proto.v1.ListTokensRequest;
import dev.ferry.proto.v1.ListTokensResponse;
import dev.ferry.proto.v1.ReadAuditRequest;
import dev.ferry.proto.v1.RevokeTokenRequest;
import dev.ferry.proto.v1.Token;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/** The administrators' side of the gRPC server. */
public final class AccessService extends AccessGrpc.AccessImplBase {
    private final Tokens tokens;
    private final AuditLog audit;

    public AccessService(Tokens tokens, AuditLog audit) {
        this.tokens = tokens;
        this.audit = audit;
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
}
