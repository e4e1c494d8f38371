package dev.ferry.coordinator.scheduling;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.DecisionReplay;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ExplainJobRequest;
import dev.ferry.proto.v1.Explanation;
import dev.ferry.proto.v1.GetDecisionRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.ListDecisionsRequest;
import dev.ferry.proto.v1.ListDecisionsResponse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import dev.ferry.proto.v1.SchedulingDecision;
import java.util.function.BiFunction;

/** All that can be asked about decisions, once for gRPC and HTTP. */
public final class DecisionsApi {
    /** Begins the migration of a job to a node. */
    public interface Migration {
        Operation begin(String job, String to, String cause);
    }

    private final StateStore store;
    private final SchedulingConfig config;
    private final BiFunction<Transaction, String, Job> names;
    private final Rebalancer rebalancer;

    /**
     * @param names finds the job that a user means
     * @param migration moves one
     */
    public DecisionsApi(StateStore store, SchedulingConfig config, BiFunction<Transaction, String, Job> names, Migration migration) {
        this.store = store;
        this.config = config;
        this.names = names;
        rebalancer = new Rebalancer(store, config, migration);
    }

    public Explanation explain(ExplainJobRequest request) {
        return store.transact(state -> Explainer.explain(state, config, names.apply(state, request.getJob()), Caller.current()::sees));
    }

    /**
     * @throws FerryException INVALID_ARGUMENT
     */
    public ListDecisionsResponse list(ListDecisionsRequest request) {
        if (request.getMost() < 0) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "There are no " + request.getMost() + " decisions to list; say 1 or more");
        }
        return store.transact(
                state -> {
                    String job = request.getJob().isEmpty() ? "" : names.apply(state, request.getJob()).getId();
                    return ListDecisionsResponse.newBuilder().addAllDecisions(DecisionLog.list(state, job, request.getMost())).build();
                });
    }

    public SchedulingDecision decision(GetDecisionRequest request) {
        return store.transact(state -> DecisionLog.get(state, request.getDecision()));
    }

    public DecisionReplay replay(GetDecisionRequest request) {
        return DecisionLog.replay(decision(request));
    }

    /**
     * @throws FerryException INVALID_ARGUMENT
     */
    public RebalancePlan rebalance(RebalanceRequest request) {
        return rebalancer.rebalance(request);
    }

    public PassOutput advise(PassInput input) {
        return PassDecider.decide(input);
    }
}
