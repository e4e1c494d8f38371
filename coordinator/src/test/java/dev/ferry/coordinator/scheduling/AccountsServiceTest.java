package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Accounts and use as a program sees them. */
class AccountsServiceTest {
    @TempDir Path folder;
    private final HttpClient http = HttpClient.newHttpClient();
    private CoordinatorScene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder, SchedulingTexts.with("tick: 1s"));
        scene.add("node-1");
    }

    @AfterEach
    void close() {
        http.close();
        scene.close();
    }

    private JsonObject ask(String method, String path, String body) throws Exception {
        HttpRequest request =
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + scene.httpPort() + path))
                        .header("authorization", "Bearer " + scene.adminToken())
                        .timeout(Duration.ofSeconds(20))
                        .method(method, HttpRequest.BodyPublishers.ofString(body))
                        .build();
        return new JsonObject(http.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }

    private long usage(String account, String user) throws Exception {
        JsonArray rows = ask("GET", "/v1/fairshare", "").getJsonArray("rows");
        return rows.stream().map(JsonObject.class::cast).filter(row -> row.getString("account").equals(account) && row.getString("user").equals(user)).mapToLong(row -> Long.parseLong(row.getString("usage"))).sum();
    }

    @Test
    void whoRunsIsBilledAndKeepsTheBillOverARestart() throws Exception {
        ask("POST", "/v1/accounting", "{\"changes\": [{\"how\": \"ADD\", \"association\": {\"account\": \"physics\", \"shares\": 30}}, {\"how\": \"ADD\", \"association\": {\"account\": \"physics\", \"user\": \"alice\"}}]}");
        assertThat(CoordinatorScene.refusal(() -> scene.run(JobSpec.newBuilder().setAccount("physics").setUserName("bob")))).isEqualTo(ErrorCode.ACCOUNT_NOT_FOUND);
        String job = scene.run(JobSpec.newBuilder().setUserName("alice")).getId();
        assertThat(scene.awaitState(job, JobState.RUNNING).getQueue().getAccount()).isEqualTo("physics");
        await().atMost(Duration.ofSeconds(20)).until(() -> usage("physics", "alice") > 0);
        long before = usage("physics", "alice");
        scene.stop();
        scene.start();
        assertThat(usage("physics", "alice")).isGreaterThanOrEqualTo(before);
        assertThat(usage("physics", "")).isEqualTo(usage("physics", "alice"));
        assertThat(usage("default", "")).isZero();
    }

    @Test
    void whatIsWrongIsNamed() throws Exception {
        assertThat(ask("POST", "/v1/accounting", "{\"changes\": [{\"how\": \"ADD\"}]}").getString("code")).isEqualTo("INVALID_ARGUMENT");
        assertThat(ask("POST", "/v1/accounting", "{\"changes\": [{\"how\": \"REMOVE\", \"qos\": {\"name\": \"none\"}}]}").getString("code")).isEqualTo("QOS_NOT_FOUND");
        assertThat(ask("GET", "/v1/priorities", "").getJsonArray("rows")).isEmpty();
    }
}
