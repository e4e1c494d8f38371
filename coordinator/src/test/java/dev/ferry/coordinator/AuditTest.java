package dev.ferry.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.util.Timestamps;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.ReadAuditRequest;
import dev.ferry.proto.v1.Role;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is in the audit log after calls over gRPC and HTTP, and what is not. */
class AuditTest {
    @TempDir Path folder;

    private static List<String> words(List<AuditEntry> entries) {
        return entries.stream().map(entry -> String.join(" ", entry.getVerb(), entry.getTarget(), entry.getOutcome(), entry.getOwner().getUser())).toList();
    }

    @Test
    void everyChangeIsThereWithItsOutcomeAndNothingElse() throws Exception {
        try (CoordinatorScene scene = new CoordinatorScene(folder); HttpClient http = HttpClient.newHttpClient()) {
            scene.add("node-1");
            String token = scene.token(Role.ROLE_USER, "ada");
            Job job = scene.running();
            assertThat(scene.stub(token).listJobs(ListJobsRequest.getDefaultInstance()).getJobsList()).isEmpty();
            assertThat(CoordinatorScene.refusal(() -> assertThat(scene.stub(token).cancelJob(CancelJobRequest.newBuilder().setJob(job.getId()).build())).isNull())).isNotNull();
            assertThat(CoordinatorScene.refusal(() -> assertThat(scene.stub(token).drainNode(GetNodeRequest.newBuilder().setNode("node-1").build())).isNull())).isNotNull();
            assertThat(AnyCall.call(scene.channel(), Optional.of("ferry_nobody"), AnyCall.method("CancelJob"), CancelJobRequest.getDefaultInstance())).isPresent();
            HttpRequest missing =
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + scene.httpPort() + "/v1/jobs/none/cancel")).header("authorization", "Bearer " + scene.adminToken()).POST(HttpRequest.BodyPublishers.noBody()).build();
            assertThat(http.send(missing, HttpResponse.BodyHandlers.ofString()).statusCode()).isEqualTo(404);
            Operation cancelled = scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(job.getId()).build()));
            assertThat(scene.stub().getJob(GetJobRequest.newBuilder().setJob(job.getId()).build()).getOperation()).isEmpty();

            List<AuditEntry> entries = new ArrayList<>();
            scene.access().readAudit(ReadAuditRequest.getDefaultInstance()).forEachRemaining(entries::add);
            String id = token.substring(6, 16);
            assertThat(words(entries))
                    .containsExactly(
                            "CreateToken " + id + " OK ",
                            "RunJob " + job.getId() + " OK ",
                            "CancelJob " + job.getId() + " JOB_NOT_FOUND ada",
                            "DrainNode  FORBIDDEN ada",
                            "CancelJob none JOB_NOT_FOUND ",
                            "CancelJob " + cancelled.getJob() + " OK ");
            assertThat(entries).allSatisfy(entry -> assertThat(entry.getFrom()).startsWith("127.0.0.1"));
            assertThat(entries.get(2).getCaller()).isEqualTo(id);
            assertThat(Timestamps.toMillis(entries.get(5).getAt())).isBetween(job.getSubmittedAt(), System.currentTimeMillis() + 1);
            assertThat(entries.toString()).doesNotContain(token.substring(17));
        }
    }
}
