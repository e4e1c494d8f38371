package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Role;
import io.vertx.core.json.JsonObject;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The verbs over HTTP, as a program would ask for them. */
class HttpApiTest {
    @TempDir Path folder;
    private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private CoordinatorScene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder);
        scene.add("node-1");
        scene.add("node-2");
    }

    @AfterEach
    void close() {
        http.close();
        scene.close();
    }

    private HttpResponse<String> ask(String method, String path, String body) throws Exception {
        return ask(method, path, body, "Bearer " + scene.adminToken());
    }

    private HttpResponse<String> ask(String method, String path, String body, String authorization) throws Exception {
        URI address = URI.create("http://127.0.0.1:" + scene.httpPort() + path);
        return http.send(
                HttpRequest.newBuilder(address).header("authorization", authorization).timeout(Duration.ofSeconds(20)).method(method, HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString());
    }

    private JsonObject json(String method, String path, String body, int status) throws Exception {
        HttpResponse<String> answer = ask(method, path, body);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(answer.headers().firstValue("content-type")).hasValue("application/json");
        return new JsonObject(answer.body());
    }

    @Test
    void aJobIsRunMovedAndCancelled() throws Exception {
        JsonObject job = json("POST", "/v1/jobs", "{\"spec\": {\"name\": \"web\", \"command\": [\"/bin/true\"]}}", 200);
        scene.awaitState(job.getString("id"), JobState.RUNNING);
        JsonObject operation = json("POST", "/v1/jobs/web/migrate", "{\"to\": \"node-2\"}", 200);
        assertThat(operation.getString("kind")).isEqualTo("MIGRATE");
        Job moved = scene.awaitJob(job.getString("id"), now -> now.getNode().equals("node-2") && now.getOperation().isEmpty());
        assertThat(moved.getState()).isEqualTo(JobState.RUNNING);
        assertThat(json("GET", "/v1/operations/" + operation.getString("id"), "", 200).getString("state")).isEqualTo("SUCCEEDED");
        assertThat(json("GET", "/v1/jobs", "", 200).getJsonArray("jobs")).hasSize(1);
        assertThat(json("POST", "/v1/jobs/web/cancel", "", 200).getString("kind")).isEqualTo("CANCEL");
        scene.awaitState(job.getString("id"), JobState.CANCELLED_JOB);
        assertThat(json("GET", "/v1/jobs", "", 200).getJsonArray("jobs")).isEmpty();
        assertThat(json("GET", "/v1/jobs?all=true", "", 200).getJsonArray("jobs")).hasSize(1);
    }

    @Test
    void errorsHaveTheirCodeAndStatus() throws Exception {
        JsonObject unknown = json("GET", "/v1/jobs/none", "", 404);
        assertThat(unknown.getString("code")).isEqualTo("JOB_NOT_FOUND");
        assertThat(unknown.getString("message")).contains("none");
        assertThat(unknown.getString("advice")).isNotEmpty();
        assertThat(json("POST", "/v1/jobs", "{\"spec\": {\"comand\": []}}", 400).getString("message")).contains("comand");
        assertThat(json("POST", "/v1/jobs", "not json", 400).getString("code")).isEqualTo("INVALID_ARGUMENT");
        assertThat(json("GET", "/v1/jobs?wrong=1", "", 400).getString("message")).contains("wrong");
        assertThat(json("POST", "/v1/nodes/node-1/declare-dead", "", 400).getString("message")).contains("checked");
        assertThat(json("GET", "/v2/jobs", "", 404).getString("message")).contains("/openapi.json");
        assertThat(json("GET", "/v1/jobs/none/log", "", 404).getString("code")).isEqualTo("JOB_NOT_FOUND");
        assertThat(json("GET", "/v1/jobs/none/log?offset=-1", "", 400).getString("message")).contains("offset");
    }

    /** Every address that the description names is answered by something else than "there is nothing". */
    @Test
    void theDescriptionDescribesWhatThereIs() throws Exception {
        JsonObject description = json("GET", "/openapi.json", "", 200);
        assertThat(description.getString("openapi")).startsWith("3.");
        JsonObject schemas = description.getJsonObject("components").getJsonObject("schemas");
        Matcher references = Pattern.compile("#/components/schemas/(\\w+)").matcher(description.encode());
        Set<String> wanted = new TreeSet<>();
        while (references.find()) {
            wanted.add(references.group(1));
        }
        assertThat(schemas.fieldNames()).containsAll(wanted);
        for (String path : description.getJsonObject("paths").fieldNames()) {
            for (String method : description.getJsonObject("paths").getJsonObject(path).fieldNames()) {
                String answer = ask(method.toUpperCase(java.util.Locale.ROOT), path.replaceAll("\\{\\w+\\}", "none"), "").body();
                assertThat(answer).as("%s %s", method, path).doesNotContain("There is nothing at");
            }
        }
    }

    @Test
    void aDrillIsMadeAndItsFindingsAreMetrics() throws Exception {
        Job job = scene.running();
        JsonObject drill = json("POST", "/v1/nodes/node-1/drill", "{\"noticeMillis\": 60000}", 200);
        await().atMost(CoordinatorScene.SOON).until(() -> json("GET", "/v1/drills/" + drill.getString("id"), "", 200).getString("state").equals("DRILL_DONE"));
        assertThat(json("GET", "/v1/drills?node=node-1", "", 200).getJsonArray("drills").getJsonObject(0).getJsonArray("jobs").getJsonObject(0).getString("job")).isEqualTo(job.getId());
        scene.node("node-1").fail(Command.ActionCase.TRY_RESTORE, ErrorCode.CHUNK_CORRUPT);
        scene.node("node-2").fail(Command.ActionCase.TRY_RESTORE, ErrorCode.CHUNK_CORRUPT);
        JsonObject trial = json("POST", "/v1/drills/restore", "{}", 200);
        await().atMost(CoordinatorScene.SOON).until(() -> json("GET", "/v1/drills/" + trial.getString("id"), "", 200).getString("state").equals("DRILL_DONE"));
        assertThat(ask("GET", "/metrics", "").body())
                .contains("ferry_drill_jobs{node=\"node-1\",outcome=\"WOULD_BE_SAVED\"} 1.0", "ferry_drill_images{outcome=\"CANT_BE_RESTORED\"} 1.0", "ferry_drill_lost_cpu_seconds{node=\"node-1\"} 0.0", "ferry_drill_last_timestamp_seconds{kind=\"restore\",node=\"\"}");
    }

    @Test
    void metricsAndHealthAreThere() throws Exception {
        scene.running();
        assertThat(ask("GET", "/healthz", "").body()).isEqualTo("ok\n");
        assertThat(ask("GET", "/readyz", "").statusCode()).isEqualTo(200);
        String metrics = ask("GET", "/metrics", "").body();
        assertThat(metrics).contains("ferry_jobs{state=\"RUNNING\"} 1.0", "ferry_nodes{state=\"READY\"} 2.0", "ferry_leader 1.0", "ferry_operation_oldest_seconds 0.0", "ferry_gpus_failing 0.0", "ferry_nodes_without_store 0.0");
        assertThat(metrics.lines().filter(line -> !line.startsWith("#"))).allSatisfy(line -> assertThat(line).matches("[a-z_]+(\\{.*\\})? [-+0-9.eENaInf]+"));
    }

    /** A body of which not one byte has come: the refusal does not wait for it. */
    @Test
    void nobodyWithoutATokenHasHisBodyRead() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", scene.httpPort())) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream().write("POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\nConnection: close\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            String answer = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8)).readLine();
            assertThat(answer).contains("401");
        }
    }

    @Test
    void whoMayNotIsRefusedAsOverGrpc() throws Exception {
        String viewer = "Bearer " + scene.token(Role.ROLE_VIEWER, "");
        String bob = "Bearer " + scene.token(Role.ROLE_USER, "bob");
        Job job = scene.running();
        for (String path : List.of("/v1/jobs", "/v1/nodes", "/v1/jobs/" + job.getId() + "/log", "/metrics")) {
            HttpResponse<String> answer = ask("GET", path, "", "Basic x");
            assertThat(answer.statusCode()).as(path).isEqualTo(401);
            assertThat(answer.body()).contains("UNAUTHENTICATED").doesNotContain(job.getId());
        }
        assertThat(ask("GET", "/v1/jobs", "", viewer).body()).contains(job.getId());
        assertThat(ask("GET", "/metrics", "", viewer).statusCode()).isEqualTo(200);
        // They name jobs, users and accounts.
        assertThat(ask("GET", "/metrics", "", bob).statusCode()).isEqualTo(403);
        assertThat(ask("GET", "/metrics", "", "Bearer " + scene.token(Role.ROLE_VIEWER, "bob")).statusCode()).isEqualTo(403);
        assertThat(ask("POST", "/v1/nodes/node-1/drain", "", viewer).statusCode()).isEqualTo(403);
        assertThat(ask("GET", "/v1/jobs/" + job.getId() + "/log", "", viewer).statusCode()).isEqualTo(403);
        assertThat(ask("GET", "/v1/jobs", "", bob).body()).doesNotContain(job.getId());
        for (String path : List.of("/v1/jobs/" + job.getId(), "/v1/jobs/" + job.getId() + "/log")) {
            assertThat(ask("GET", path, "", bob).statusCode()).as(path).isEqualTo(404);
        }
        assertThat(ask("GET", "/healthz", "", "none").statusCode()).isEqualTo(200);
    }
}
