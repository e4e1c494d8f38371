package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.accounts.AccountChanges;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.Fairshare;
import dev.ferry.proto.v1.GetAccountingRequest;
import dev.ferry.proto.v1.GetFairshareRequest;
import dev.ferry.proto.v1.GetPrioritiesRequest;
import dev.ferry.proto.v1.Priorities;

/** All that can be asked about accounts, once for gRPC and HTTP: a request in, an answer or a FerryException out. */
public final class AccountsApi {
    private final StateStore store;
    private final SchedulingConfig config;

    public AccountsApi(StateStore store, SchedulingConfig config) {
        this.store = store;
        this.config = config;
    }

    public Accounting accounting(GetAccountingRequest request) {
        return store.transact(state -> AccountBook.read(state).message());
    }

    public Accounting change(ChangeAccountingRequest request) {
        return store.transact(
                state -> AccountChanges.apply(state, request.getChangesList()).message().toBuilder().addAllWarnings(AccountChanges.warnings(state, request.getChangesList())).build());
    }

    public Fairshare fairshare(GetFairshareRequest request) {
        return store.transact(state -> FairTables.fairshare(state, config));
    }

    public Priorities priorities(GetPrioritiesRequest request) {
        return store.transact(state -> FairTables.priorities(state, config));
    }
}
