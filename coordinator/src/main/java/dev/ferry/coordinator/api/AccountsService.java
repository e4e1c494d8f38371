package dev.ferry.coordinator.api;

import dev.ferry.coordinator.scheduling.AccountsApi;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.Fairshare;
import dev.ferry.proto.v1.GetAccountingRequest;
import dev.ferry.proto.v1.GetFairshareRequest;
import dev.ferry.proto.v1.GetPrioritiesRequest;
import dev.ferry.proto.v1.Priorities;
import io.grpc.stub.StreamObserver;
import java.util.List;

/** Accounts over gRPC, and the same over HTTP. */
public final class AccountsService extends AccountsGrpc.AccountsImplBase {
    private final AccountsApi api;

    public AccountsService(AccountsApi api) {
        this.api = api;
    }

    static List<Route> routes(AccountsApi api) {
        return List.of(
                Route.of("GetAccounting", "GET", "/v1/accounting", "Accounts, users, QoS and partitions", GetAccountingRequest.getDefaultInstance(), Accounting.getDefaultInstance(), api::accounting),
                Route.of("ChangeAccounting", "POST", "/v1/accounting", "Change accounts, users, QoS and partitions", ChangeAccountingRequest.getDefaultInstance(), Accounting.getDefaultInstance(), api::change),
                Route.of("GetFairshare", "GET", "/v1/fairshare", "What is due to whom, and what was used", GetFairshareRequest.getDefaultInstance(), Fairshare.getDefaultInstance(), api::fairshare),
                Route.of("GetPriorities", "GET", "/v1/priorities", "Priorities of the jobs that wait", GetPrioritiesRequest.getDefaultInstance(), Priorities.getDefaultInstance(), api::priorities));
    }

    @Override
    public void getAccounting(GetAccountingRequest request, StreamObserver<Accounting> to) {
        FerryService.answer(to, () -> api.accounting(request));
    }

    @Override
    public void changeAccounting(ChangeAccountingRequest request, StreamObserver<Accounting> to) {
        FerryService.answer(to, () -> api.change(request));
    }

    @Override
    public void getFairshare(GetFairshareRequest request, StreamObserver<Fairshare> to) {
        FerryService.answer(to, () -> api.fairshare(request));
    }

    @Override
    public void getPriorities(GetPrioritiesRequest request, StreamObserver<Priorities> to) {
        FerryService.answer(to, () -> api.priorities(request));
    }
}
