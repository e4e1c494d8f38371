package dev.ferry.coordinator.api;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.TreeMap;
import java.util.Map;

/** Describes the HTTP API as OpenAPI 3.0, from the routes and the messages themselves. */
final class OpenApi {
    private final Map<String, JsonObject> schemas = new TreeMap<>();

    private OpenApi() {}

    static JsonObject describe(List<Route> routes, String version) {
        OpenApi document = new OpenApi();
        JsonObject paths = new JsonObject();
        for (Route route : routes) {
            if (!paths.containsKey(route.path())) {
                paths.put(route.path(), new JsonObject());
            }
            paths.getJsonObject(route.path()).put(route.method().toLowerCase(java.util.Locale.ROOT), document.operation(route));
        }
        paths.put(HttpLog.PATH, new JsonObject().put("get", log()));
        document.reference(dev.ferry.proto.v1.ErrorDetail.getDescriptor());
        JsonObject components = new JsonObject();
        document.schemas.forEach(components::put);
        return new JsonObject()
                .put("openapi", "3.0.3")
                .put("info", new JsonObject().put("title", "Ferry").put("version", version).put("description", "Moves running jobs. Errors are ErrorDetail documents; docs/errors.md lists the codes."))
                .put("paths", paths)
                .put("components", new JsonObject().put("schemas", components));
    }

    private JsonObject operation(Route route) {
        Descriptor request = route.request().getDescriptorForType();
        JsonArray parameters = new JsonArray();
        JsonObject body = new JsonObject();
        for (FieldDescriptor field : request.getFields()) {
            boolean inPath = route.path().contains("{" + field.getName() + "}");
            if (inPath || !route.method().equals("POST")) {
                parameters.add(inPath ? parameter(field.getName(), "path", type(field)) : parameter(field.getJsonName(), "query", type(field)));
            } else {
                body.put(field.getJsonName(), type(field));
            }
        }
        JsonObject operation = new JsonObject().put("summary", route.summary()).put("operationId", route.method() + " " + route.path()).put("parameters", parameters);
        if (!body.isEmpty()) {
            operation.put("requestBody", new JsonObject().put("content", json(new JsonObject().put("type", "object").put("properties", body))));
        }
        JsonObject responses =
                new JsonObject()
                        .put("200", new JsonObject().put("description", "Done").put("content", json(reference(route.answer().getDescriptorForType()))))
                        .put("default", new JsonObject().put("description", "An error").put("content", json(reference(dev.ferry.proto.v1.ErrorDetail.getDescriptor()))));
        return operation.put("responses", responses);
    }

    private static JsonObject log() {
        JsonArray parameters =
                new JsonArray()
                        .add(parameter("job", "path", new JsonObject().put("type", "string")))
                        .add(parameter("offset", "query", new JsonObject().put("type", "string").put("format", "int64")))
                        .add(parameter("follow", "query", new JsonObject().put("type", "boolean")));
        JsonObject bytes = new JsonObject().put("application/octet-stream", new JsonObject().put("schema", new JsonObject().put("type", "string").put("format", "binary")));
        return new JsonObject()
                .put("summary", "A job's log from an offset; with follow=true until the job has ended")
                .put("operationId", "GET " + HttpLog.PATH)
                .put("parameters", parameters)
                .put("responses", new JsonObject().put("200", new JsonObject().put("description", "The log's bytes").put("content", bytes)));
    }

    private static JsonObject parameter(String name, String in, JsonObject type) {
        return new JsonObject().put("name", name).put("in", in).put("required", in.equals("path")).put("schema", type);
    }

    private static JsonObject json(JsonObject schema) {
        return new JsonObject().put("application/json", new JsonObject().put("schema", schema));
    }

    private JsonObject reference(Descriptor message) {
        if (!schemas.containsKey(message.getName())) {
            JsonObject properties = new JsonObject();
            // Before its fields: messages may hold each other.
            schemas.put(message.getName(), new JsonObject().put("type", "object").put("properties", properties));
            message.getFields().forEach(field -> properties.put(field.getJsonName(), type(field)));
        }
        return new JsonObject().put("$ref", "#/components/schemas/" + message.getName());
    }

    private JsonObject type(FieldDescriptor field) {
        if (field.isMapField()) {
            return new JsonObject().put("type", "object").put("additionalProperties", new JsonObject().put("type", "string"));
        }
        JsonObject one =
                switch (field.getJavaType()) {
                    case STRING -> new JsonObject().put("type", "string");
                    case INT -> new JsonObject().put("type", "integer").put("format", "int32");
                    // As protobuf's JSON has it: a number of 64 bits is a string.
                    case LONG -> new JsonObject().put("type", "string").put("format", "int64");
                    case BOOLEAN -> new JsonObject().put("type", "boolean");
                    case FLOAT, DOUBLE -> new JsonObject().put("type", "number");
                    case BYTE_STRING -> new JsonObject().put("type", "string").put("format", "byte");
                    case ENUM ->
                            new JsonObject()
                                    .put("type", "string")
                                    .put("enum", new JsonArray(field.getEnumType().getValues().stream().map(EnumValueDescriptor::getName).toList()));
                    case MESSAGE -> reference(field.getMessageType());
                };
        return field.isRepeated() ? new JsonObject().put("type", "array").put("items", one) : one;
    }
}
