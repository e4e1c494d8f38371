package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.JobDemand;
import dev.ferry.proto.v1.JobVerdict;
import dev.ferry.proto.v1.PassAssociation;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.PassOutput;
import dev.ferry.proto.v1.PassPolicy;
import dev.ferry.proto.v1.PassQos;
import dev.ferry.proto.v1.PassRejected;
import dev.ferry.proto.v1.PassRunning;
import dev.ferry.proto.v1.PassVictim;
import dev.ferry.proto.v1.PassWaiting;
import dev.ferry.proto.v1.PreemptionVerdict;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What one look at the queue decides. Account a (2) has user (3), account b (4) has user (5), shares are equal. */
class PassDeciderTest {
    private static final long NOW = 10_000;
    static final long A = 3;
    static final long B = 5;

    static PassInput.Builder cluster(int nodes, int cpus, int gpus) {
        PassInput.Builder input =
                PassInput.newBuilder()
                        .setNow(NOW)
                        .setCpuMillis(1000L * nodes * cpus)
                        .setGpus((long) nodes * gpus)
                        .setPolicy(PassPolicy.newBuilder().setPreemption(true).setMostPerHour(100).setMostMoving(1).setWorth(0.5).setHorizon(3600))
                        .addAssociations(PassAssociation.newBuilder().setId(1).setAccount("root").setShares(1))
                        .addAssociations(PassAssociation.newBuilder().setId(2).setParent(1).setAccount("a").setShares(1))
                        .addAssociations(PassAssociation.newBuilder().setId(A).setParent(2).setAccount("a").setUser("u").setShares(1))
                        .addAssociations(PassAssociation.newBuilder().setId(4).setParent(1).setAccount("b").setShares(1))
                        .addAssociations(PassAssociation.newBuilder().setId(B).setParent(4).setAccount("b").setUser("u").setShares(1));
        for (int node = 0; node < nodes; node++) {
            input.addNodes(PassNode.newBuilder().setName("node-" + node).setCpuMillis(1000L * cpus).setMemory(10_000).setGpus(gpus));
        }
        return input;
    }

    static JobDemand demand(int cpus, int gpus) {
        return JobDemand.newBuilder().setCpuMillis(1000L * cpus).setMemory(100).setGpus(gpus).build();
    }

    /** A job that runs: its room is taken from the node. */
    static PassRunning.Builder runs(PassInput.Builder input, String job, long association, int node, int cpus, int gpus) {
        PassNode.Builder at = input.getNodesBuilder(node);
        at.setCpuMillis(at.getCpuMillis() - 1000L * cpus).setMemory(at.getMemory() - 100).setGpus(at.getGpus() - gpus);
        return input.addRunningBuilder().setJob(job).setAssociation(association).setDemand(demand(cpus, gpus)).setNode(node).setSince(1000).setMoveSeconds(10).setQos("normal");
    }

    static PassWaiting.Builder waits(PassInput.Builder input, String job, long association, long priority, int cpus, int gpus) {
        return input.addWaitingBuilder().setJob(job).setAssociation(association).setPriority(priority).setSince(9000).setDemand(demand(cpus, gpus)).setQos("normal");
    }

    private static JobVerdict verdict(PassOutput output, String job) {
        return output.getVerdictsList().stream().filter(one -> one.getJob().equals(job)).findFirst().orElseThrow();
    }

    private static PreemptionVerdict preemption(PassOutput output, String job) {
        return output.getPreemptionsList().stream().filter(one -> one.getJob().equals(job)).findFirst().orElseThrow();
    }

    @Test
    void theFirstByPriorityStartsAndTheNextBehindAReservation() {
        PassInput.Builder input = cluster(1, 4, 0);
        runs(input, "old", A, 0, 3, 0).setEnds(NOW + 600).setImmovable("as the test says");
        waits(input, "large", A, 50, 4, 0);
        waits(input, "short", A, 40, 1, 0).setSeconds(500);
        waits(input, "long", A, 30, 1, 0).setSeconds(5000);
        PassOutput output = PassDecider.decide(input.build());
        assertThat(verdict(output, "large")).isEqualTo(JobVerdict.newBuilder().setJob("large").setKind(JobVerdict.Kind.NODE_IS_KEPT).setNode("node-0").setAt(NOW + 600).build());
        assertThat(verdict(output, "short").getKind()).isEqualTo(JobVerdict.Kind.STARTS);
        assertThat(verdict(output, "long").getKind()).isEqualTo(JobVerdict.Kind.NO_ROOM);
    }

    @Test
    void jobsWithoutGpusGoToTheEmptiestNode() {
        PassInput.Builder input = cluster(2, 4, 0);
        runs(input, "old", A, 0, 1, 0);
        waits(input, "new", A, 1, 1, 0);
        assertThat(verdict(PassDecider.decide(input.build()), "new").getNode()).isEqualTo("node-1");
    }

    @Test
    void anAccountBelowItsDueGetsRoomFromTheOneAboveAndTheCheapestJobGoes() {
        PassInput.Builder input = cluster(2, 2, 0);
        runs(input, "dear", A, 0, 2, 0).setMoveSeconds(100);
        runs(input, "cheap", A, 1, 2, 0);
        waits(input, "new", B, 1, 2, 0);
        PassOutput output = PassDecider.decide(input.build());
        PreemptionVerdict made = preemption(output, "new");
        assertThat(made.getPreempts()).isTrue();
        assertThat(made.getNode()).isEqualTo("node-1");
        assertThat(made.getVictimsList()).containsExactly(PassVictim.newBuilder().setJob("cheap").setCost(20).build());
        assertThat(made.getRejectedList()).singleElement().satisfies(left -> assertThat(left.getJob()).isEqualTo("dear"));
        assertThat(made.getDue()).isEqualTo(2);
        assertThat(made.getHolds()).isZero();
    }

    @Test
    void nobodyIsTakenBelowItsDueAndNobodyTakesMoreThanItsDue() {
        PassInput.Builder input = cluster(2, 2, 0);
        runs(input, "one", A, 0, 2, 0);
        runs(input, "two", B, 1, 2, 0);
        waits(input, "new", B, 1, 2, 0);
        PreemptionVerdict kept = preemption(PassDecider.decide(input.build()), "new");
        assertThat(kept.getPreempts()).isFalse();
        assertThat(kept.getWhy()).contains("more than its due");
        assertThat(kept.getRejectedList().getFirst().getWhy()).contains("less than is due");
    }

    /** Eight GPUs on one node: account a runs three jobs of two; a job of b that needs all of them has waited for long, so that the node is kept for it. */
    private static PassInput.Builder kept() {
        PassInput.Builder input = cluster(1, 16, 8);
        input.getPolicyBuilder().setDueFirst(true).setKeeps(true);
        runs(input, "old-2", A, 0, 1, 2).setEnds(NOW + 2 * 3600);
        runs(input, "old-3", A, 0, 1, 2).setEnds(NOW + 3 * 3600);
        runs(input, "old-5", A, 0, 1, 2).setEnds(NOW + 5 * 3600);
        waits(input, "head", B, 50, 1, 8).setSince(NOW - 6 * 3600);
        waits(input, "late", B, 40, 1, 4).setSeconds(24 * 3600);
        return input;
    }

    @Test
    void nobodyLeavesANodeThatIsKeptForOneWhoWouldPutTheFirstOff() {
        PassInput.Builder input = kept();
        PassOutput output = PassDecider.decide(input.build());
        assertThat(verdict(output, "head")).isEqualTo(JobVerdict.newBuilder().setJob("head").setKind(JobVerdict.Kind.NODE_IS_KEPT).setNode("node-0").setAt(NOW + 5 * 3600).build());
        assertThat(preemption(output, "head").getPreempts()).isFalse();
        assertThat(preemption(output, "late").getPreempts()).isFalse();
        assertThat(preemption(output, "late").getRejectedList()).extracting(PassRejected::getWhy).containsOnly("its node is kept for a job before it in the queue");
        // One that has ended by then puts nobody off.
        input.getWaitingBuilder(1).setSeconds(4 * 3600);
        assertThat(preemption(PassDecider.decide(input.build()), "late").getPreempts()).isTrue();
        // Of a record from before there was this rule what came out then comes out again.
        input.getWaitingBuilder(1).setSeconds(24 * 3600);
        input.getPolicyBuilder().setKeeps(false);
        assertThat(preemption(PassDecider.decide(input.build()), "late").getPreempts()).isTrue();
    }

    @Test
    void whatIsLeftBesideTheFirstOnTheNodeThatIsKeptForItMayBeTaken() {
        PassInput.Builder input = kept();
        input.getAssociationsBuilder(3).setShares(3);
        input.getRunningBuilder(0).getDemandBuilder().setGpus(4);
        input.removeRunning(1);
        // At the end of the job with four GPUs six are free, three of them the head's.
        input.getRunningBuilder(0).setImmovable("as the test says");
        input.getRunningBuilder(1).setEnds(0);
        input.getWaitingBuilder(0).setNotBefore(NOW + 60).getDemandBuilder().setGpus(3);
        input.getWaitingBuilder(1).getDemandBuilder().setGpus(3);
        PassOutput output = PassDecider.decide(input.build());
        assertThat(verdict(output, "head").getAt()).isEqualTo(NOW + 2 * 3600);
        assertThat(preemption(output, "late").getVictimsList()).extracting(PassVictim::getJob).containsExactly("old-5");
        // A fourth is not there.
        input.getWaitingBuilder(0).getDemandBuilder().setGpus(4);
        assertThat(preemption(PassDecider.decide(input.build()), "late").getPreempts()).isFalse();
    }

    /** As a node that came back with half of its CPUs. */
    @Test
    void whereJobsHoldMoreThanTheNodeHasEnoughOfThemGoAtOnce() {
        PassInput.Builder input = cluster(1, 16, 0);
        for (int at = 0; at < 4; at++) {
            runs(input, "old-" + at, A, 0, 8, 0);
        }
        assertThat(input.getNodes(0).getCpuMillis()).isEqualTo(-16_000);
        waits(input, "new", B, 1, 8, 0);
        PreemptionVerdict made = preemption(PassDecider.decide(input.build()), "new");
        assertThat(made.getPreempts()).isTrue();
        assertThat(made.getVictimsList()).hasSize(3);
    }

    @Test
    void roomIsNotMadeByAJobWhoseGpuIsFailing() {
        PassInput.Builder input = cluster(2, 8, 1);
        runs(input, "failing", A, 0, 1, 1).setFailingGpus(1).setMoveSeconds(1);
        runs(input, "well", A, 1, 1, 1).setMoveSeconds(100);
        waits(input, "new", B, 1, 1, 1);
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictimsList()).extracting(PassVictim::getJob).containsExactly("well");
        // Nor for a QoS that preempts others: nothing is due there.
        input.addQos(PassQos.newBuilder().setName("urgent").addPreempts("normal"));
        input.getWaitingBuilder(0).setQos("urgent");
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictimsList()).extracting(PassVictim::getJob).containsExactly("well");
    }

    @Test
    void gpusAreGivenUpWithoutLeavingTheNodeWhereMainMemoryHasRoom() {
        PassInput.Builder input = cluster(1, 8, 2);
        runs(input, "one", A, 0, 1, 1);
        runs(input, "two", A, 0, 1, 1);
        waits(input, "new", B, 1, 1, 1);
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictims(0).getPark()).isTrue();
        input.getNodesBuilder(0).setMemory(50);
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictims(0).getPark()).isFalse();
    }

    @Test
    void theStateGoesIntoMainMemoryForRoomThatIsNeededBrieflyAndElseIntoTheStore() {
        PassInput.Builder input = cluster(1, 8, 2);
        input.getPolicyBuilder().setParkMost(600);
        runs(input, "one", A, 0, 1, 1).setGpuMemory(9000);
        runs(input, "two", A, 0, 1, 1).setGpuMemory(9000);
        waits(input, "new", B, 1, 1, 1).setSeconds(600);
        PassVictim parked = preemption(PassDecider.decide(input.build()), "new").getVictims(0);
        assertThat(parked.getPark()).isTrue();
        assertThat(parked.getWhy()).isEqualTo("the room is needed for 600 s at most");
        input.getWaitingBuilder(0).setSeconds(601);
        PassVictim stored = preemption(PassDecider.decide(input.build()), "new").getVictims(0);
        assertThat(stored.getPark()).isFalse();
        assertThat(stored.getWhy()).contains("601 s");
        input.getWaitingBuilder(0).clearSeconds();
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictims(0).getWhy()).contains("nobody knows");
        // 10,000 MiB less 100 for each of the two jobs and 100 for the third: 700 are left beside the state of one.
        input.getWaitingBuilder(0).setSeconds(60);
        input.getNodesBuilder(0).setParkedMemory(700);
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictims(0).getPark()).isTrue();
        input.getNodesBuilder(0).setParkedMemory(701);
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictims(0).getWhy()).contains("no room for 9000 MiB");
        // As it was recorded before there was a choice.
        input.getPolicyBuilder().clearParkMost();
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictims(0)).isEqualTo(PassVictim.newBuilder().setJob("one").setPark(true).setCost(10).build());
    }

    @Test
    void whatIsParkedInOneLookKeepsItsRoom() {
        PassInput.Builder input = cluster(1, 9, 4);
        input.getPolicyBuilder().setParkMost(600);
        for (String job : java.util.List.of("one", "two", "three", "four")) {
            runs(input, job, A, 0, 1, 1).setGpuMemory(4000);
        }
        waits(input, "first", B, 9, 3, 1).setSeconds(60);
        waits(input, "second", B, 8, 3, 1).setSeconds(60);
        PassOutput output = PassDecider.decide(input.build());
        assertThat(preemption(output, "first").getVictims(0).getPark()).isTrue();
        // Two of five free CPUs are left then: the second's victim must give up its own as well.
        assertThat(preemption(output, "second").getVictims(0).getPark()).isFalse();
        assertThat(preemption(output, "second").getVictims(0).getWhy()).contains("keep CPUs and memory");
    }

    /** Two nodes of which half is free each, of a; b is due one whole. */
    private static PassInput.Builder inPieces() {
        PassInput.Builder input = cluster(2, 4, 0);
        input.getPolicyBuilder().setForesight(true).setMoves(true).setDueFirst(true);
        runs(input, "dear", A, 0, 2, 0).setMoveSeconds(100).setRelocatable(true);
        runs(input, "cheap", A, 1, 2, 0).setRelocatable(true);
        waits(input, "new", B, 1, 4, 0);
        return input;
    }

    @Test
    void whoHasRoomElsewhereIsMovedAndStillHeldByItsAccount() {
        PassInput.Builder input = inPieces();
        PreemptionVerdict made = preemption(PassDecider.decide(input.build()), "new");
        assertThat(made.getPreempts()).isTrue();
        assertThat(made.getNode()).isEqualTo("node-1");
        assertThat(made.getVictimsList()).containsExactly(PassVictim.newBuilder().setJob("cheap").setTo("node-0").setCost(20).setWhy("it has room there").build());
        // A node that lacks what it asks for is none for it.
        input.getRunningBuilder(1).getDemandBuilder().setLabels(1);
        assertThat(preemption(PassDecider.decide(input.build()), "new").getVictims(0).getJob()).isEqualTo("dear");
        input.getRunningBuilder(0).setRelocatable(false);
        assertThat(preemption(PassDecider.decide(input.build()), "new").getPreempts()).isFalse();
    }

    @Test
    void roomElsewhereIsGivenOnceAndOnlyWhereItIsFree() {
        PassInput.Builder input = inPieces();
        waits(input, "later", B, 0, 4, 0);
        PassOutput output = PassDecider.decide(input.build());
        assertThat(output.getPreemptionsList().stream().filter(PreemptionVerdict::getPreempts)).hasSize(1);
        // Three of four: neither has room beside the other.
        PassInput.Builder full = cluster(2, 4, 0);
        full.getPolicyBuilder().setForesight(true).setMoves(true);
        runs(full, "one", A, 0, 3, 0).setRelocatable(true);
        runs(full, "two", A, 1, 1, 0).setRelocatable(true);
        waits(full, "new", B, 1, 4, 0);
        assertThat(preemption(PassDecider.decide(full.build()), "new").getVictims(0)).satisfies(
                moved -> {
                    assertThat(moved.getJob()).isEqualTo("two");
                    assertThat(moved.getTo()).isEqualTo("node-0");
                });
    }

    @Test
    void jobsWithinTheDuesOfTheirAccountsStartFirstIfTheGuardsSaySo() {
        PassInput.Builder input = cluster(1, 4, 0);
        runs(input, "holds", A, 0, 2, 0);
        waits(input, "over", A, 9, 2, 0);
        waits(input, "within", B, 1, 2, 0);
        assertThat(verdict(PassDecider.decide(input.build()), "over").getKind()).isEqualTo(JobVerdict.Kind.STARTS);
        input.getPolicyBuilder().setDueFirst(true);
        assertThat(verdict(PassDecider.decide(input.build()), "within").getKind()).isEqualTo(JobVerdict.Kind.STARTS);
        // It is what preemption would do after.
        input.getPolicyBuilder().setPreemption(false);
        assertThat(verdict(PassDecider.decide(input.build()), "over").getKind()).isEqualTo(JobVerdict.Kind.STARTS);
    }

    @Test
    void aQosTakesFromTheOnesBelowItWhateverTheSharesSayAndSharesDoNotTakeItBack() {
        PassInput.Builder input = cluster(1, 2, 0);
        input.addQos(PassQos.newBuilder().setName("urgent").addPreempts("normal"));
        runs(input, "mine", B, 0, 2, 0);
        waits(input, "fire", B, 1, 2, 0).setQos("urgent");
        PassOutput output = PassDecider.decide(input.build());
        assertThat(preemption(output, "fire").getVictims(0).getJob()).isEqualTo("mine");
        assertThat(preemption(output, "fire").getWhy()).contains("QoS urgent");
        input.getRunningBuilder(0).setExemptUntil(NOW + 1);
        assertThat(preemption(PassDecider.decide(input.build()), "fire").getPreempts()).isFalse();
        PassInput.Builder back = cluster(2, 2, 0);
        back.addQos(PassQos.newBuilder().setName("urgent").addPreempts("normal"));
        runs(back, "fire", A, 0, 2, 0).setQos("urgent");
        runs(back, "more", A, 1, 2, 0).setQos("urgent");
        waits(back, "new", B, 1, 2, 0);
        assertThat(preemption(PassDecider.decide(back.build()), "new").getPreempts()).isFalse();
    }

    @Test
    void whoIsOnTheWayOutIsNotTakenAgainAndWhoHasRoomComingTakesNoMore() {
        PassInput.Builder input = cluster(1, 4, 0);
        runs(input, "going", A, 0, 2, 0).setLeaving(true).setImmovable("it makes room already");
        runs(input, "stays", A, 0, 2, 0);
        waits(input, "coming", B, 9, 2, 0).setClaims(true);
        waits(input, "new", B, 1, 2, 0);
        PassOutput output = PassDecider.decide(input.build());
        assertThat(verdict(output, "coming").getKind()).isEqualTo(JobVerdict.Kind.ROOM_IS_MADE);
        assertThat(preemption(output, "new").getPreempts()).isFalse();
    }

    @Test
    void whatIsHeldWaitsWhateverRoomThereIs() {
        PassInput.Builder input = cluster(1, 4, 0);
        waits(input, "held", A, 9, 1, 0).setHeld("MaxJobs=1 of account a is reached");
        waits(input, "free", A, 1, 1, 0);
        PassOutput output = PassDecider.decide(input.build());
        assertThat(verdict(output, "held").getWhy()).contains("MaxJobs");
        assertThat(verdict(output, "free").getKind()).isEqualTo(JobVerdict.Kind.STARTS);
    }

    @Test
    void theSameInputGivesTheSameOutputBitByBit() throws Exception {
        Random random = new Random(7);
        for (int round = 0; round < 500; round++) {
            PassInput.Builder input = cluster(1 + random.nextInt(4), 8, random.nextInt(2) * 4);
            input.getPolicyBuilder().setMoves(random.nextBoolean()).setAlign(random.nextBoolean()).setDueFirst(random.nextBoolean()).setForesight(random.nextBoolean()).setAgeing(random.nextBoolean()).setInterruption(random.nextInt(3) * 100);
            input.addQos(PassQos.newBuilder().setName("urgent").addPreempts("normal"));
            for (int at = 0; at < 6; at++) {
                int gpus = input.getGpus() > 0 ? random.nextInt(3) : 0;
                int node = random.nextInt(input.getNodesCount());
                if (input.getNodes(node).getCpuMillis() >= 2000 && input.getNodes(node).getGpus() >= gpus) {
                    runs(input, "r" + at, random.nextBoolean() ? A : B, node, 2, gpus).setHits(random.nextInt(3)).setRelocatable(random.nextBoolean()).setMoveSeconds(random.nextInt(50)).setEnds(random.nextBoolean() ? 0 : NOW + random.nextInt(5000));
                }
                waits(input, "w" + at, random.nextBoolean() ? A : B, random.nextInt(5), 1 + random.nextInt(8), gpus).setSeconds(random.nextInt(5000)).setQos(random.nextInt(4) == 0 ? "urgent" : "normal");
            }
            PassInput made = input.build();
            assertThat(PassDecider.decide(PassInput.parseFrom(made.toByteArray())).toByteString()).isEqualTo(PassDecider.decide(made).toByteString());
        }
    }

    @Test
    void anInputThatContradictsItselfIsRefused() {
        PassInput.Builder input = cluster(1, 4, 0);
        runs(input, "one", 99, 0, 1, 0);
        assertThatThrownBy(() -> PassDecider.decide(input.build())).isInstanceOf(FerryException.class).hasMessageContaining("99");
        input.getRunningBuilder(0).setAssociation(A).setNode(3);
        assertThatThrownBy(() -> PassDecider.decide(input.build())).isInstanceOf(FerryException.class).hasMessageContaining("node 3");
        input.getRunningBuilder(0).setNode(0).getDemandBuilder().setCpuMillis(-1);
        assertThatThrownBy(() -> PassDecider.decide(input.build())).isInstanceOf(FerryException.class);
        input.getRunningBuilder(0).getDemandBuilder().setCpuMillis(1);
        input.getNodesBuilder(0).setGpus(-1025);
        assertThatThrownBy(() -> PassDecider.decide(input.build())).isInstanceOf(FerryException.class).hasMessageContaining("-1025 GPUs");
    }

    /** One job of 64 CPUs that was moved takes more CPU seconds than there is budget of GPU seconds. */
    @Test
    void whatWasMovedOfCpusIsNotTakenFromTheBudgetOfGpus() {
        PassInput.Builder input = cluster(2, 64, 8).setMovedGpus(0).setMovedCpus(168_000).setPreemptions(1);
        input.getPolicyBuilder().setMostMoving(0.05);
        runs(input, "one", A, 0, 8, 8);
        runs(input, "two", A, 1, 8, 8);
        waits(input, "new", B, 1, 8, 8);
        assertThat(preemption(PassDecider.decide(input.build()), "new").getPreempts()).isTrue();
        assertThat(preemption(PassDecider.decide(input.setMovedGpus(2850).build()), "new").getPreempts()).isFalse();
        // As it was decided before they were told apart.
        assertThat(preemption(PassDecider.decide(input.clearMovedGpus().clearMovedCpus().setMoved(168_000).build()), "new").getPreempts()).isFalse();
    }

    @Test
    void eachKindThatIsMovedInALookCountsForItself() {
        PassInput.Builder input = cluster(2, 64, 8).setMovedGpus(0);
        input.getPolicyBuilder().setMostMoving(0.05);
        for (int node = 0; node < 2; node++) {
            runs(input, "cpus of " + node, A, node, 64, 0).setMoveSeconds(300);
            runs(input, "gpus of " + node, A, node, 0, 8);
        }
        waits(input, "cpus too", B, 2, 64, 0);
        waits(input, "gpus too", B, 1, 0, 8);
        PassOutput output = PassDecider.decide(input.build());
        assertThat(preemption(output, "cpus too").getPreempts()).isTrue();
        assertThat(preemption(output, "gpus too").getWhy()).isEqualTo("its account holds less than is due to it");
    }
}
