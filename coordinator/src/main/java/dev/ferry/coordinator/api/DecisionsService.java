package dev.ferry.coordinator.api;

import dev.ferry.coordinator.scheduling.DecisionsApi;
import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.DecisionReplay;
import dev.ferry.proto.v1.DecisionsGrpc;
import dev.ferry.proto.v1.ExplainJobRequest;
import dev.ferry.proto.v1.Explanation;
import dev.ferry.proto.v1.GetDecisionRequest;
import dev.ferry.proto.v1.ListDecisionsRequest;
import dev.ferry.proto.v1.ListDecisionsResponse;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import dev.ferry.proto.v1.SchedulingDecision;
import io.grpc.stub.StreamObserver;
import java.util.List;

/** Decisions over gRPC, and the same over HTTP. */
public final class DecisionsService extends DecisionsGrpc.DecisionsImplBase {
    private final DecisionsApi api;

    public DecisionsService(DecisionsApi api) {
        this.api = api;
    }

    /** An API that finds jobs by the names that users give. */
    public static DecisionsApi api(StateStore store, SchedulingConfig config, Verbs verbs) {
        return new DecisionsApi(store, config, JobNames::job, verbs::move);
    }

    static List<Route> routes(DecisionsApi api) {
        return List.of(
                Route.of("ExplainJob", "GET", "/v1/jobs/{job}/explanation", "Why a job waits", ExplainJobRequest.getDefaultInstance(), Explanation.getDefaultInstance(), api::explain),
                Route.of("ListDecisions", "GET", "/v1/decisions", "What the scheduler decided", ListDecisionsRequest.getDefaultInstance(), ListDecisionsResponse.getDefaultInstance(), api::list),
                Route.of("GetDecision", "GET", "/v1/decisions/{decision}", "One decision with all that it was made from", GetDecisionRequest.getDefaultInstance(), SchedulingDecision.getDefaultInstance(), api::decision),
                Route.of("ReplayDecision", "POST", "/v1/decisions/{decision}/replay", "Decide again", GetDecisionRequest.getDefaultInstance(), DecisionReplay.getDefaultInstance(), api::replay),
                Route.of("Rebalance", "POST", "/v1/rebalance", "Move jobs together so that others fit, or say which", RebalanceRequest.getDefaultInstance(), RebalancePlan.getDefaultInstance(), api::rebalance),
                Route.of("AdvisePreemption", "POST", "/v1/advice/preemption", "Who would start and who would make room, in a cluster that the request describes", PassInput.getDefaultInstance(), PassOutput.getDefaultInstance(), api::advise));
    }

    @Override
    public void explainJob(ExplainJobRequest request, StreamObserver<Explanation> to) {
        FerryService.answer(to, () -> api.explain(request));
    }

    @Override
    public void listDecisions(ListDecisionsRequest request, StreamObserver<ListDecisionsResponse> to) {
        FerryService.answer(to, () -> api.list(request));
    }

    @Override
    public void getDecision(GetDecisionRequest request, StreamObserver<SchedulingDecision> to) {
        FerryService.answer(to, () -> api.decision(request));
    }

    @Override
    public void replayDecision(GetDecisionRequest request, StreamObserver<DecisionReplay> to) {
        FerryService.answer(to, () -> api.replay(request));
    }

    @Override
    public void rebalance(RebalanceRequest request, StreamObserver<RebalancePlan> to) {
        FerryService.answer(to, () -> api.rebalance(request));
    }

    @Override
    public void advisePreemption(PassInput request, StreamObserver<PassOutput> to) {
        FerryService.answer(to, () -> api.advise(request));
    }
}
