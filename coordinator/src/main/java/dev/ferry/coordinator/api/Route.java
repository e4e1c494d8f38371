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
 * @param method GET, POST or DELETE
 * @param path with {field} where a field of the request stands
 * @param request an empty request; fields that are not in the path come from the query (GET, DELETE) or
 *     the JSON body (POST)
 * @param answer an empty answer, for its description
 */
record Route(String method, String path, String summary, Message request, Message answer, Function<Message, Message> call) {
    /** The whole HTTP API but for logs ({@link HttpLog}), health and metrics. */
    static List<Route> all(FerryApi api) {
        return List.of(
                of("GET", "/v1/server", "What this coordinator is", GetServerRequest.getDefaultInstance(), Server.getDefaultInstance(), request -> api.server()),
                of("POST", "/v1/jobs", "Run a job", RunJobRequest.getDefaultInstance(), Job.getDefaultInstance(), api::run),
                of("GET", "/v1/jobs", "List jobs", ListJobsRequest.getDefaultInstance(), ListJobsResponse.getDefaultInstance(), api::jobs),
                of("GET", "/v1/jobs/{job}", "One job", GetJobRequest.getDefaultInstance(), Job.getDefaultInstance(), api::job),
                of("POST", "/v1/jobs/{job}/signal", "Send a signal to a job", SignalJobRequest.getDefaultInstance(), Job.getDefaultInstance(), api::signal),
                of("POST", "/v1/jobs/{job}/cancel", "Kill a job", CancelJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::cancel),
                of("POST", "/v1/jobs/{job}/checkpoint", "Save a job that runs on", CheckpointJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::checkpoint),
                of("POST", "/v1/jobs/{job}/suspend", "Save a job and stop it", SuspendJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::suspend),
                of("POST", "/v1/jobs/{job}/resume", "Let a suspended job go on", ResumeJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::resume),
                of("POST", "/v1/jobs/{job}/migrate", "Move a job to another node", MigrateJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::migrate),
                of("POST", "/v1/restore/{job_or_image}", "Bring a job back from an image", RestoreJobRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::restore),
                of("GET", "/v1/images", "List images", ListImagesRequest.getDefaultInstance(), ListImagesResponse.getDefaultInstance(), api::images),
                of("GET", "/v1/images/{image}", "One image", GetImageRequest.getDefaultInstance(), ImageDetails.getDefaultInstance(), api::image),
                of("POST", "/v1/images/{image}/verify", "Read and check every chunk of an image", GetImageRequest.getDefaultInstance(), VerifyImageResponse.getDefaultInstance(), api::verifyImage),
                of("DELETE", "/v1/images/{image}", "Delete an image", GetImageRequest.getDefaultInstance(), DeleteImageResponse.getDefaultInstance(), api::deleteImage),
                of("GET", "/v1/nodes", "List nodes", ListNodesRequest.getDefaultInstance(), ListNodesResponse.getDefaultInstance(), request -> api.nodes()),
                of("GET", "/v1/nodes/{node}", "One node", GetNodeRequest.getDefaultInstance(), Node.getDefaultInstance(), api::node),
                of("POST", "/v1/nodes/{node}/drain", "Move a node's jobs away and give it no new ones", GetNodeRequest.getDefaultInstance(), DrainNodeResponse.getDefaultInstance(), api::drain),
                of("POST", "/v1/nodes/{node}/undrain", "Open a drained node", GetNodeRequest.getDefaultInstance(), Node.getDefaultInstance(), api::undrain),
                of("POST", "/v1/nodes/{node}/declare-dead", "Record that nothing runs on a node any more", DeclareNodeDeadRequest.getDefaultInstance(), Node.getDefaultInstance(), api::declareDead),
                of("GET", "/v1/operations", "List operations", ListOperationsRequest.getDefaultInstance(), ListOperationsResponse.getDefaultInstance(), api::operations),
                of("GET", "/v1/operations/{operation}", "One operation with its steps", GetOperationRequest.getDefaultInstance(), Operation.getDefaultInstance(), api::operation));
    }

    @SuppressWarnings("unchecked")
    private static <Q extends Message, A extends Message> Route of(String method, String path, String summary, Q request, A answer, Function<Q, A> call) {
        return new Route(method, path, summary, request, answer, message -> call.apply((Q) message));
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
