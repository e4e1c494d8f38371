package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.coordinator.CoordinatorScene;
import dev.ferry.coordinator.FakeNode;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.CancelJobRequest;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.NodeFacts;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The queue of a real coordinator, on one played node with two GPUs of each of two models: to account b three quarters are due, to a one. */
class MixedGpusTest {
    @TempDir Path folder;
    private CoordinatorScene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new CoordinatorScene(folder, SchedulingTexts.with("delay: 0s\nminimumRun: 0s\nspacing: 0s\n"));
        NodeFacts.Builder facts = NodeFacts.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1").setGpuDriver("580.65").setGpuCanSave(true).setGpuCanMap(true);
        for (String model : List.of("A100", "H100")) {
            for (int at = 0; at < 2; at++) {
                facts.addGpuModels(model).addGpus(Gpu.newBuilder().setUuid(model + "-" + at).setModel(model).setMemoryBytes(80L << 30));
            }
        }
        FakeNode ignored = scene.add(new FakeNode("mixed", facts.build(), 16, 64L << 30), "mixed");
        for (String account : List.of("a", "b")) {
            add(Association.newBuilder().setAccount(account).setShares(account.equals("a") ? 1 : 3));
            add(Association.newBuilder().setAccount(account).setUser("u"));
        }
    }

    @AfterEach
    void close() {
        scene.close();
    }

    private void add(Association.Builder association) {
        var ignored =
                scene.ask(AccountsGrpc::newBlockingStub)
                        .changeAccounting(ChangeAccountingRequest.newBuilder().addChanges(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setAssociation(association)).build());
    }

    private Job run(String account, int gpus, String model, long memory) {
        return scene.run(JobSpec.newBuilder().setAccount(account).setUserName("u").setGpus(gpus).setGpuModel(model).setMemoryBytes(memory));
    }

    private Job running(String account, int gpus, String model, long memory) {
        return scene.awaitState(run(account, gpus, model, memory).getId(), JobState.RUNNING);
    }

    /** It was counted as started at each look, and the free GPUs of the other model stood idle for all behind it. */
    @Test
    void whoWaitsForOneModelLeavesTheOtherToThoseBehindIt() {
        Job first = running("a", 2, "h100", 1L << 30);
        Job second = scene.awaitJob(run("a", 2, "h100", 1L << 30).getId(), job -> job.getReason().contains("another job has it"));
        for (int more = 0; more < 20; more++) {
            Job ignored = run("a", 1, "h100", 1L << 30);
        }
        assertThat(running("a", 2, "a100", 1L << 30).getGpusList()).containsExactlyInAnyOrder("A100-0", "A100-1");
        assertThat(scene.job(second.getId()).getState()).isEqualTo(JobState.PENDING);
        var ignored = scene.awaitEnd(scene.stub().cancelJob(CancelJobRequest.newBuilder().setJob(first.getId()).build()));
        assertThat(scene.awaitState(second.getId(), JobState.RUNNING).getGpusList()).containsExactlyInAnyOrder("H100-0", "H100-1");
    }

    /** Those with the other model would be cheaper. */
    @Test
    void victimsHaveGpusOfTheModelThatIsLacking() {
        List<Job> others = List.of(running("a", 1, "a100", 1L << 24), running("a", 1, "a100", 1L << 24));
        List<Job> like = List.of(running("a", 1, "h100", 4L << 30), running("a", 1, "h100", 4L << 30));
        assertThat(running("b", 1, "h100", 1L << 30).getGpusList()).first().asString().startsWith("H100");
        assertThat(others).extracting(job -> scene.job(job.getId()).getQueue().getHits()).containsOnly(0);
        assertThat(like).extracting(job -> scene.job(job.getId()).getQueue().getHits()).containsExactlyInAnyOrder(0, 1);
    }

    @Test
    void roomIsMadeBesideFreeGpusOfTheOtherModel() {
        List<Job> like = List.of(running("a", 1, "h100", 1L << 30), running("a", 1, "h100", 1L << 30));
        List<Job> due = List.of(run("b", 1, "h100", 1L << 30), run("b", 1, "h100", 1L << 30), run("b", 1, "h100", 1L << 30));
        await().atMost(CoordinatorScene.SOON).until(() -> due.stream().anyMatch(job -> scene.job(job.getId()).getState() == JobState.RUNNING));
        assertThat(like).extracting(job -> scene.job(job.getId()).getQueue().getHits()).containsExactlyInAnyOrder(0, 1);
    }
}
