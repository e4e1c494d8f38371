package dev.ferry.coordinator.api;

import com.google.protobuf.Descriptors;
import com.google.protobuf.Message;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.*;
import java.util.List;
import java.util.function.Function;

/**
 * One thing that can be asked over HTTP.
 *
 * @param rpc the call of this meaning over gRPC, whose rule of access holds here too
 * @param method GET, POST or DELETE
 * @param path with {field} where a field of the request stands
 * @param request an empty request; fields that are not in the path come from the query (GET, DELETE) or
 *     the JSON body (POST)
 * @param answer an empty answer, for its description
 */
record Route(String rpc, String method, String path, String summary, Message request, Message answer, Function<Message, Message> call) {
    /** The whole HTTP API but for logs ({@link HttpLog}), health and metrics. */
    static List<Route> all(FerryApi api) {
        return List.of(
                of("GetServer", "GET", "/v1/server", "What this coordinator is", GetServerRequest.getDefaultInstance(), Server.getDefaultInstance(), request -> api.server()),
                of("RunJob", "POST", "/v1/jobs", "Run a job", RunJobRequest.getDefaultInstance(), Job.getDefaultInstance(), api::run),
                of("ListJobs", "GET", "/v1/jobs", "List jobs", ListJobsRequest.getDefaultInstance(), ListJobsResponse.getDefaultInstance(), api::jobs),
                of("GetJob", "GET", "/v1/jobs/{job}", "One job", GetJobRequest.getDefaultInstance(), Job.getDefaultInstance(), api::job),
                of("SignalJob", "POST", "/v1/jobs/{job}/signal", "Send a signal to a job", SignalJobRequest.getDefaultInstance(), Job.getDefaultInstance(), api::signal),
                of("CancelJob", "POST", "/v1/jobs/{job}/cancel", "Kill a job", CancelJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::cancel),
                of("CheckpointJob", "POST", "/v1/jobs/{job}/checkpoint", "Save a job that runs on", CheckpointJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::checkpoint),
                of("EstimateCheckpoint", "GET", "/v1/jobs/{job}/checkpoint/estimate", "How long a checkpoint would stop a job", CheckpointJobRequest.getDefaultInstance(), CheckpointEstimate.getDefaultInstance(), api::estimate),
                of("SuspendJob", "POST", "/v1/jobs/{job}/suspend", "Save a job and stop it", SuspendJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::suspend),
                of("ResumeJob", "POST", "/v1/jobs/{job}/resume", "Let a suspended job go on", ResumeJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::resume),
                of("MigrateJob", "POST", "/v1/jobs/{job}/migrate", "Move a job to another node", MigrateJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::migrate),
                of("RestoreJob", "POST", "/v1/restore/{job_or_image}", "Bring a job back from an image", RestoreJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::restore),
                of("DeleteJob", "DELETE", "/v1/jobs/{job}", "Delete a job that has ended, with all that nodes have of it", DeleteJobRequest.getDefaultInstance(), DeletedJob.getDefaultInstance(), api::deleteJob),
                of("ListImages", "GET", "/v1/images", "List images", ListImagesRequest.getDefaultInstance(), ListImagesResponse.getDefaultInstance(), api::images),
                of("GetImage", "GET", "/v1/images/{image}", "One image", GetImageRequest.getDefaultInstance(), ImageDetails.getDefaultInstance(), api::image),
                of("VerifyImage", "POST", "/v1/images/{image}/verify", "Read and check every chunk of an image", GetImageRequest.getDefaultInstance(), VerifyImageResponse.getDefaultInstance(), api::verifyImage),
                of("DiffImages", "GET", "/v1/images/{first}/diff/{second}", "What two images share", DiffImagesRequest.getDefaultInstance(), ImageDiff.getDefaultInstance(), api::diffImages),
                of("DeleteImage", "DELETE", "/v1/images/{image}", "Delete an image", GetImageRequest.getDefaultInstance(), DeleteImageResponse.getDefaultInstance(), api::deleteImage),
                of("GetStore", "GET", "/v1/store", "What the store holds", GetStoreRequest.getDefaultInstance(), StoreStats.getDefaultInstance(), request -> api.storeStats()),
                of("CollectGarbage", "POST", "/v1/store/collect", "Remove what no image needs from the store", CollectGarbageRequest.getDefaultInstance(), Collection.getDefaultInstance(), api::collectGarbage),
                of("CheckStore", "POST", "/v1/store/check", "Check every object of the store", CheckStoreRequest.getDefaultInstance(), StoreCheck.getDefaultInstance(), api::checkStore),
                of("ListStoreKeys", "GET", "/v1/store/keys", "List tenants' keys, without their secrets", ListStoreKeysRequest.getDefaultInstance(), StoreKeys.getDefaultInstance(), request -> api.storeKeys()),
                of("RotateStoreKeys", "POST", "/v1/store/keys/rotate", "Wrap tenants' keys by the master key that is configured now", RotateStoreKeysRequest.getDefaultInstance(), StoreKeys.getDefaultInstance(), api::rotateStoreKeys),
                of("ListNodes", "GET", "/v1/nodes", "List nodes", ListNodesRequest.getDefaultInstance(), ListNodesResponse.getDefaultInstance(), request -> api.nodes()),
                of("GetNode", "GET", "/v1/nodes/{node}", "One node", GetNodeRequest.getDefaultInstance(), Node.getDefaultInstance(), api::node),
                of("DrainNode", "POST", "/v1/nodes/{node}/drain", "Move a node's jobs away and give it no new ones", GetNodeRequest.getDefaultInstance(), DrainNodeResponse.getDefaultInstance(), api::drain),
                of("UndrainNode", "POST", "/v1/nodes/{node}/undrain", "Open a drained node", GetNodeRequest.getDefaultInstance(), Node.getDefaultInstance(), api::undrain),
                of("DeclareNodeDead", "POST", "/v1/nodes/{node}/declare-dead", "Record that nothing runs on a node any more", DeclareNodeDeadRequest.getDefaultInstance(), Node.getDefaultInstance(), api::declareDead),
                of("RemoveNode", "DELETE", "/v1/nodes/{node}", "Remove a node that was declared dead", GetNodeRequest.getDefaultInstance(), Node.getDefaultInstance(), api::removeNode),
                of("EvacuateNode", "POST", "/v1/nodes/{node}/evacuate", "Move a node's jobs away before a deadline", EvacuateNodeRequest.getDefaultInstance(), Evacuation.getDefaultInstance(), api.spot()::evacuate),
                of("ConfirmNodeGone", "POST", "/v1/nodes/{node}/gone", "Record a cloud's word that a node's machine does not exist any more", ConfirmGoneRequest.getDefaultInstance(), Node.getDefaultInstance(), api.spot()::confirmGone),
                of("GetJobPolicy", "GET", "/v1/jobs/{job}/policy", "How often images of a job are made while it runs", GetJobRequest.getDefaultInstance(), JobPolicy.getDefaultInstance(), api.spot()::policy),
                of("SetJobPolicy", "POST", "/v1/jobs/{job}/policy", "Change how often images of a job are made", SetJobPolicyRequest.getDefaultInstance(), JobPolicy.getDefaultInstance(), api.spot()::setPolicy),
                of("SetTimeLimit", "POST", "/v1/jobs/{job}/time-limit", "Change how long a job may run in all its lives", SetTimeLimitRequest.getDefaultInstance(), Job.getDefaultInstance(), api::setTimeLimit),
                of("ListPools", "GET", "/v1/pools", "List pools of machines with how often they are taken away", ListPoolsRequest.getDefaultInstance(), ListPoolsResponse.getDefaultInstance(), request -> api.spot().pools()),
                of("ListEvacuations", "GET", "/v1/evacuations", "List evacuations", ListEvacuationsRequest.getDefaultInstance(), ListEvacuationsResponse.getDefaultInstance(), api.spot()::evacuations),
                of("GetEvacuation", "GET", "/v1/evacuations/{evacuation}", "One evacuation with each of its jobs", GetEvacuationRequest.getDefaultInstance(), Evacuation.getDefaultInstance(), api.spot()::evacuation),
                of("DrillNode", "POST", "/v1/nodes/{node}/drill", "Rehearse the evacuation of a node", DrillNodeRequest.getDefaultInstance(), Drill.getDefaultInstance(), api.drills()::drillNode),
                of("DrillRestore", "POST", "/v1/drills/restore", "Try whether recent images can be restored", DrillRestoreRequest.getDefaultInstance(), Drill.getDefaultInstance(), api.drills()::drillRestore),
                of("ListDrills", "GET", "/v1/drills", "List drills", ListDrillsRequest.getDefaultInstance(), ListDrillsResponse.getDefaultInstance(), api.drills()::list),
                of("GetDrill", "GET", "/v1/drills/{drill}", "One drill with what it has found", GetDrillRequest.getDefaultInstance(), Drill.getDefaultInstance(), api.drills()::one),
                of("ListNotices", "GET", "/v1/notices", "List what is announced about nodes' machines", ListNoticesRequest.getDefaultInstance(), ListNoticesResponse.getDefaultInstance(), api.spot()::notices),
                of("ListOperations", "GET", "/v1/operations", "List operations", ListOperationsRequest.getDefaultInstance(), ListOperationsResponse.getDefaultInstance(), api::operations),
                of("GetOperation", "GET", "/v1/operations/{operation}", "One operation with its steps", GetOperationRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::operation));
    }

    @SuppressWarnings("unchecked")
    static <Q extends Message, A extends Message> Route of(String rpc, String method, String path, String summary, Q request, A answer, Function<Q, A> call) {
        return new Route(rpc, method, path, summary, request, answer, message -> call.apply((Q) message));
    }

    /** Sets a field of a request from text in a path or query. */
    static void set(Message.Builder request, String name, String value) {
        Descriptors.FieldDescriptor field = request.getDescriptorForType().findFieldByName(name);
        if (field == null) {
            field = request.getDescriptorForType().getFields().stream().filter(known -> known.getJsonName().equals(name)).findFirst().orElse(null);
        }
        if (field == null || field.isRepeated()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "There is no parameter '" + name + "' here");
        }
        try {
            request.setField(
                    field,
                    switch (field.getJavaType()) {
                        case STRING -> value;
                        case INT -> Integer.parseInt(value);
                        case LONG -> Long.parseLong(value);
                        case BOOLEAN -> truth(name, value);
                        case FLOAT, DOUBLE, BYTE_STRING, ENUM, MESSAGE -> throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Parameter '" + name + "' belongs into the body");
                    });
        } catch (NumberFormatException noNumber) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Parameter '" + name + "' must be a number, not '" + value + "'", noNumber);
        }
    }

    private static boolean truth(String name, String value) {
        if (!value.equals("true") && !value.equals("false")) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Parameter '" + name + "' must be true or false, not '" + value + "'");
        }
        return value.equals("true");
    }
}
