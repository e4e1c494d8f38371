package dev.ferry.cli.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import dev.ferry.cli.Ferry;
import dev.ferry.cli.StandInCoordinator;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.ListOperationsResponse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.Owner;
import dev.ferry.proto.v1.ReadAuditRequest;
import dev.ferry.proto.v1.Role;
import dev.ferry.proto.v1.RunJobRequest;
import dev.ferry.proto.v1.Server;
import io.grpc.stub.StreamObserver;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is asked for is done, or refused: nothing that a user writes is passed over. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class OptionsTest {
    private final Answers answers = new Answers();
    private StandInCoordinator coordinator;

    @BeforeEach
    void open() throws Exception {
        coordinator = StandInCoordinator.of(answers, new Audit());
    }

    @AfterEach
    void close() {
        coordinator.close();
    }

    private Ferry.Said ferry(String... words) {
        return Ferry.ferry(Stream.concat(Stream.of(words), Stream.of("--server", coordinator.address())).toArray(String[]::new));
    }

    private void assertRefused(String why, String... words) {
        Ferry.Said said = Ferry.ferry(words);
        assertThat(said.error()).as("%s", List.of(words)).contains(why, "INVALID_ARGUMENT");
        assertThat(said.status()).isEqualTo(status(ErrorCode.INVALID_ARGUMENT));
    }

    private static int status(ErrorCode code) {
        return Errors.meaning(code).getExitStatus();
    }

    /** One of a second was what came of it, and the job was suspended. */
    @Test
    void aLimitOfNothingIsRefused() {
        assertRefused("write 'none' for no limit", "run", "--time-limit", "0s", "--", "true");
        assertRefused("write 'none' for no limit", "job", "time-limit", "train", "0s");
        assertRefused("write 'none' for no limit", "admin", "token", "create", "--role", "user", "--expires", "0s");
        assertRefused("write 1 or more", "rebalance", "--most-moves", "0");
        assertThat(Times.limitSeconds("", "none")).isZero();
        assertThat(Times.limitSeconds("", "500ms")).isEqualTo(1);
    }

    @Test
    void optionsThatGoAgainstEachOtherAreRefused() {
        assertRefused("give one of them", "run", "--detach", "--follow", "--", "true");
        assertRefused("give one of them", "run", "--wait", "running", "--follow", "--", "true");
        assertRefused("give one of them", "run", "--wait", "running", "--detach", "--", "true");
        assertRefused("--config goes with --self", "evacuate", "node-1", "--config", "node.yaml");
        assertRefused("leave out 'node-1'", "evacuations", "node-1", "--open", "--server", coordinator.address());
        String series = Path.of(Objects.requireNonNull(OptionsTest.class.getResource("/slurm/07-decay-series.json")).getPath()).toString();
        assertRefused("there are none in", "fairshare", "--case", series, "--ties", "slurm");
    }

    /** A job that was submitted before would run on behind an error of the command line. */
    @Test
    void aTimeoutIsReadBeforeAnythingIsSent() {
        assertRefused("is not a time", "run", "--wait", "running", "--timeout", "10x", "--server", coordinator.address(), "true");
        assertRefused("is longer than 3650d", "run", "--wait", "running", "--timeout", "1000000d", "--server", coordinator.address(), "true");
        assertRefused("is longer than 3650d", "wait", "train", "--timeout", "1000000d", "--server", coordinator.address());
        assertThat(answers.runs).isZero();
    }

    @Test
    void aJobThatNeverRanIsNotSaidToRun() {
        answers.job = Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.CANCELLED_JOB).build();
        Ferry.Said said = ferry("run", "--wait", "running", "true");
        assertThat(said.status()).isEqualTo(status(ErrorCode.CANCELLED));
        assertThat(said.error()).contains("job j-aaaaaaaa\n", "was cancelled before it ran");
    }

    /** What a policy's share is taken for when it is 0 is "as it is". */
    @Test
    void aShareOfNothingIsRefused() {
        for (String share : List.of("0", "-0.1", "1.5", "NaN")) {
            assertRefused("--most-frozen", "job", "policy", "train", "--most-frozen", share, "--server", coordinator.address());
        }
    }

    @Test
    void whoHasWaitedLongEnoughIsToldWhyTheJobWaits() {
        answers.ends = false;
        Ferry.Said run = ferry("run", "--wait", "running", "--timeout", "1s", "true");
        assertThat(run.error()).contains("does not run within 1s", "'ferry explain j-aaaaaaaa'").doesNotContain("ferry operations");
        Ferry.Said wait = ferry("wait", "train", "--timeout", "1s");
        assertThat(wait.error()).contains("has not ended within 1s", "'ferry show j-aaaaaaaa'", "'ferry explain j-aaaaaaaa'").doesNotContain("ferry operations");
        assertThat(List.of(run.status(), wait.status())).containsOnly(status(ErrorCode.DEADLINE_EXCEEDED));
    }

    @Test
    void ofOneJobNothingMoreIsAdvised() {
        assertThat(ferry("operations").out().lines().toList().getLast()).isEqualTo("only the newest 200 are listed; 'ferry operations JOB' lists those of one job");
        assertThat(ferry("operations", "train").out().lines().toList().getLast()).isEqualTo("only the newest 200 are listed");
    }

    @Test
    void aCoordinatorThatRefusesIsNotSaidToBeAway() {
        assertThat(ferry("version").out()).contains("coordinator 1.2.3");
        assertThat(new JsonObject(ferry("version", "-o", "json").out()).getJsonObject("server").getString("version")).isEqualTo("1.2.3");
        answers.refusal = new FerryException(ErrorCode.UNAUTHENTICATED, "This token is not known");
        Ferry.Said refused = ferry("version");
        assertThat(refused.error()).contains("This token is not known", "UNAUTHENTICATED");
        assertThat(refused.status()).isEqualTo(status(ErrorCode.UNAUTHENTICATED));
        JsonObject document = new JsonObject(ferry("version", "-o", "json").out());
        assertThat(document.getString("client")).isNotEmpty();
        assertThat(document.getJsonObject("error").getString("code")).isEqualTo("UNAUTHENTICATED");
        Ferry.Said nobody = Ferry.ferry("version", "--server", "127.0.0.1:1");
        assertThat(nobody.status()).isZero();
        assertThat(nobody.error()).contains("COORDINATOR_UNREACHABLE");
    }

    @Test
    void theAuditLogIsToldCallByCall() {
        List<String> lines = ferry("admin", "audit").out().lines().toList();
        assertThat(lines).hasSize(4);
        assertThat(lines.stream().map(line -> line.indexOf(line.contains("VERB") ? "VERB" : "CancelJob")).distinct()).hasSize(1);
        assertThat(ferry("admin", "audit", "--user", "ada").out()).contains("j-aaaaaaaa").doesNotContain("j-cccccccc", "\u001b");
        assertThat(ferry("admin", "audit", "--target", "j-cccccccc").out().lines()).hasSize(2);
    }

    private static <T> void answer(StreamObserver<T> to, T answer) {
        to.onNext(answer);
        to.onCompleted();
    }

    private static final class Answers extends FerryGrpc.FerryImplBase {
        private Job job = Job.getDefaultInstance();
        private FerryException refusal;
        private boolean ends = true;
        private int runs;

        @Override
        public void getServer(GetServerRequest request, StreamObserver<Server> to) {
            if (refusal == null) {
                answer(to, Server.newBuilder().setVersion("1.2.3").build());
            } else {
                to.onError(ErrorTransport.toStatus(refusal));
            }
        }

        @Override
        public void runJob(RunJobRequest request, StreamObserver<Job> to) {
            runs++;
            answer(to, Job.newBuilder().setId("j-aaaaaaaa").build());
        }

        @Override
        public void getJob(GetJobRequest request, StreamObserver<Job> to) {
            answer(to, Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.PENDING).build());
        }

        @Override
        public void watchJob(GetJobRequest request, StreamObserver<Job> to) {
            if (ends) {
                answer(to, job);
            }
        }

        @Override
        public void listOperations(ListOperationsRequest request, StreamObserver<ListOperationsResponse> to) {
            answer(to, ListOperationsResponse.newBuilder().addAllOperations(Collections.nCopies(200, Operation.getDefaultInstance())).build());
        }
    }

    private static final class Audit extends AccessGrpc.AccessImplBase {
        @Override
        public void readAudit(ReadAuditRequest request, StreamObserver<AuditEntry> to) {
            List.of("ada:j-aaaaaaaa", "ada:j-bbbbbbbb", "bob:j-cccccccc")
                    .forEach(
                            call ->
                                    to.onNext(
                                            AuditEntry.newBuilder()
                                                    .setAt(Timestamp.newBuilder().setSeconds(1_700_000_000))
                                                    .setRole(Role.ROLE_USER)
                                                    .setOwner(Owner.newBuilder().setUser(call.substring(0, 3)))
                                                    .setVerb("CancelJob")
                                                    .setTarget(call.substring(4))
                                                    .setMessage("\u001b[2J")
                                                    .build()));
            to.onCompleted();
        }
    }
}
