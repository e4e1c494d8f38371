package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.GetDecisionRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Two nodes with room for two jobs each, accounts a and b with equal shares. */
class FairshareIT {
    private static final Logger LOG = LoggerFactory.getLogger(FairshareIT.class);
    private static final String MEBIBYTES = "256";
    private static final String PAUSE = "20";
    /** On a machine that does nothing else it is under 5 s; others use this one too. */
    private static final Duration RUNS_WITHIN = Duration.ofSeconds(Integer.getInteger("ferry.fairshare.seconds", 30));

    private Scene scene;
    private long half;

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        scene = new Scene(folder, "", "", Duration.ofSeconds(10), Map.of("scheduling", "{delay: 0s, minimumRun: 0s, spacing: 0s}"), Optional.empty());
        half = scene.ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance())).getNodes(0).getCapacity().getCpuMillis() / 2;
        ChangeAccountingRequest.Builder changes = ChangeAccountingRequest.newBuilder();
        for (String account : List.of("a", "b")) {
            changes.addChanges(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setAssociation(Association.newBuilder().setAccount(account)));
            changes.addChanges(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setAssociation(Association.newBuilder().setAccount(account).setUser("u")));
        }
        var ignored = scene.accounts(stub -> stub.changeAccounting(changes.build()));
    }

    @AfterEach
    void close() throws Exception {
        scene.close();
    }

    private Job submit(String account, String steps) {
        JobSpec.Builder spec = scene.program("tally.py", MEBIBYTES, steps, PAUSE).setMemoryBytes(512L << 20).setCpuMillis(half).setAccount(account).setUserName("u");
        return scene.submit(spec);
    }

    /** What the program says when nobody disturbs it. */
    private static String reference(String steps) throws Exception {
        Process process = new ProcessBuilder("/usr/bin/python3", Scene.JOBS.resolve("tally.py").toString(), MEBIBYTES, steps, "0").redirectErrorStream(true).start();
        List<String> lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        assertThat(process.waitFor()).as(lines.toString()).isZero();
        return lines.getLast();
    }

    private void assertEndedRight(Job job, String steps) throws Exception {
        await().atMost(Duration.ofMinutes(3)).until(() -> scene.job(job.getId()).getState() == JobState.EXITED);
        assertThat(scene.job(job.getId()).getExitStatus()).isZero();
        List<String> lines = scene.log(job.getId());
        assertThat(lines).hasSize(Integer.parseInt(steps) + 1);
        assertThat(lines.getLast()).isEqualTo(reference(steps));
    }

    @Test
    void whoHoldsMoreThanItsDueMakesRoomComesBackByItselfAndLosesNothing() throws Exception {
        String many = "1500";
        String few = "100";
        List<Job> filling = new ArrayList<>();
        for (int at = 0; at < 4; at++) {
            filling.add(submit("a", many));
        }
        for (Job job : filling) {
            await().atMost(Scene.SOON).ignoreExceptions().untilAsserted(() -> assertThat(scene.log(job.getId()).size()).as(scene.job(job.getId()).toString()).isGreaterThan(3));
        }
        Job other = submit("b", few);
        Job runs = scene.awaitStarted(other.getId());
        Duration waited = Duration.ofMillis(runs.getStartedAt() - runs.getSubmittedAt());
        LOG.info("the job of the account below its due ran {} ms after it was submitted", waited.toMillis());
        assertThat(waited).isLessThan(RUNS_WITHIN);
        Job victim = filling.stream().map(job -> scene.job(job.getId())).filter(job -> job.getQueue().getHits() > 0).findFirst().orElseThrow();
        assertThat(victim.getLatestImage()).isNotEmpty();
        assertEndedRight(other, few);
        for (Job job : filling) {
            assertEndedRight(job, many);
        }
        assertThat(scene.job(victim.getId()).getIncarnation()).isEqualTo(2);
        List<Operation> all = scene.ask(stub -> stub.listOperations(ListOperationsRequest.getDefaultInstance())).getOperationsList();
        assertThat(all).allSatisfy(operation -> assertThat(operation.getState()).as(operation.toString()).isEqualTo(OperationState.SUCCEEDED));
        assertThat(all).extracting(Operation::getKind).containsOnly(OperationKind.START, OperationKind.SUSPEND, OperationKind.RESUME);
        Operation preemption = all.stream().filter(operation -> operation.getKind() == OperationKind.SUSPEND).reduce((one, next) -> next).orElseThrow();
        assertThat(preemption.getJob()).isEqualTo(victim.getId());
        assertThat(preemption.getForJob()).isEqualTo(other.getId());
        assertThat(scene.decisions(stub -> stub.replayDecision(GetDecisionRequest.newBuilder().setDecision(preemption.getDecision()).build())).getSame()).isTrue();
    }
}
