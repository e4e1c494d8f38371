package dev.ferry.scheduling.rebalance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Moves that make whole what is free in pieces. */
class RebalanceTest {
    private static final Rebalance.Policy EVERYTHING = new Rebalance.Policy(100, 1, 3600);
    private static final int CASES = 20_000;

    private static Demand gpus(int gpus) {
        return new Demand(1, gpus * 1000L, gpus * 1024L, gpus, 0);
    }

    private static RunningJob running(long id, int node, Demand demand, double seconds, boolean movable) {
        return new RunningJob(id, 0, demand, new int[] {node}, 0, WaitingJob.UNKNOWN, seconds, 0, 0, movable);
    }

    private static WaitingJob waiting(long id, Demand demand) {
        return new WaitingJob(id, 0, 1, 0, demand, WaitingJob.UNKNOWN);
    }

    /** Nodes of eight GPUs, less what runs there. */
    private static Room room(int nodes, List<RunningJob> running) {
        Room room = Room.of(nodes, 8000, 8192, 8);
        running.forEach(job -> room.take(job.nodes(), job.demand()));
        return room;
    }

    @Test
    void eightGpusThatAreFreeOnFourNodesBecomeOne() {
        List<RunningJob> running = new ArrayList<>();
        for (int node = 0; node < 4; node++) {
            for (int i = 0; i < 3; i++) {
                running.add(running(node * 10 + i, node, gpus(2), 5, true));
            }
        }
        List<Gain> plan = Rebalance.plan(room(4, running), running, List.of(waiting(1, gpus(8))), EVERYTHING);
        assertThat(plan).hasSize(1);
        assertThat(plan.getFirst().moves()).hasSize(3).extracting(Gain.Move::to).doesNotContain(plan.getFirst().node()).doesNotHaveDuplicates();
        assertThat(plan.getFirst().seconds()).isEqualTo(15);
    }

    @Test
    void offANodeWhoseJobsHoldMoreThanItHasGoesWhoMakesUpForIt() {
        Room room = Room.of(new long[] {-16_000, 24_000}, new long[] {8192, 8192}, new int[2], new long[] {1, 0});
        RunningJob small = running(1, 0, new Demand(1, 1000, 10, 0, 0), 1, true);
        RunningJob large = running(2, 0, new Demand(1, 24_000, 10, 0, 0), 30, true);
        List<Gain> plan = Rebalance.plan(room, List.of(small, large), List.of(waiting(9, new Demand(1, 8000, 10, 0, 1))), EVERYTHING);
        assertThat(plan).singleElement().satisfies(gain -> assertThat(gain.moves()).containsExactly(new Gain.Move(large, 1)));
    }

    @Test
    void whoIsOnFailingGpusGivesNoneByGoing() {
        RunningJob failing = new RunningJob(1, 0, gpus(4), new int[] {0}, 0, WaitingJob.UNKNOWN, 1, 0, 0, true, false, 4);
        RunningJob well = running(2, 1, gpus(4), 30, true);
        List<RunningJob> running = List.of(failing, well, running(3, 2, gpus(4), 5, false));
        List<Gain> plan = Rebalance.plan(room(3, running), running, List.of(waiting(9, gpus(8))), EVERYTHING);
        assertThat(plan.getFirst().node()).isEqualTo(1);
        assertThat(plan.getFirst().moves()).extracting(move -> move.job().id()).containsExactly(2L);
    }

    @Test
    void whoStartsAnywayNeedsNoMoves() {
        List<RunningJob> running = List.of(running(1, 0, gpus(4), 5, true));
        assertThat(Rebalance.plan(room(2, running), running, List.of(waiting(1, gpus(8))), EVERYTHING)).isEmpty();
        // Its room is not there for the next one.
        assertThat(Rebalance.plan(room(2, running), running, List.of(waiting(1, gpus(8)), waiting(2, gpus(8))), EVERYTHING)).isEmpty();
    }

    @Test
    void theCheapestJobThatIsEnoughGoes() {
        List<RunningJob> running = List.of(running(1, 0, gpus(4), 60, true), running(2, 0, gpus(4), 5, true), running(3, 1, gpus(4), 30, true));
        List<Gain> plan = Rebalance.plan(room(2, running), running, List.of(waiting(1, gpus(4)), waiting(2, gpus(8))), new Rebalance.Policy(100, 1, 3600));
        // The four free GPUs of node 1 are taken by the first; then there is no place for whoever would go.
        assertThat(plan).isEmpty();
        List<Gain> one = Rebalance.plan(room(2, running), running, List.of(waiting(2, gpus(8))), EVERYTHING);
        assertThat(one).isEmpty();
        List<RunningJob> fewer = List.of(running(2, 0, gpus(4), 5, true), running(3, 1, gpus(4), 30, true));
        assertThat(Rebalance.plan(room(2, fewer), fewer, List.of(waiting(2, gpus(8))), EVERYTHING).getFirst().moves()).extracting(move -> move.job().id()).containsExactly(2L);
    }

    @Test
    void whoCanNotBeMovedStays() {
        List<RunningJob> running = List.of(running(1, 0, gpus(4), 5, false), running(2, 1, gpus(4), 5, false));
        assertThat(Rebalance.plan(room(2, running), running, List.of(waiting(1, gpus(8))), EVERYTHING)).isEmpty();
    }

    @Test
    void whatCostsMoreThanItGivesIsNotDone() {
        List<RunningJob> running = List.of(running(1, 0, gpus(4), 100, true), running(2, 1, gpus(4), 100, true));
        List<WaitingJob> waiting = List.of(waiting(1, gpus(8)));
        // It costs 400 GPU seconds and gives 8 GPUs for the horizon.
        assertThat(Rebalance.plan(room(2, running), running, waiting, new Rebalance.Policy(10, 0.5, 99))).isEmpty();
        assertThat(Rebalance.plan(room(2, running), running, waiting, new Rebalance.Policy(10, 0.5, 100))).hasSize(1);
        assertThat(Rebalance.plan(room(2, running), running, waiting, new Rebalance.Policy(0, 0.5, 100))).isEmpty();
    }

    /** Whatever the cluster: after the moves, in their order, no node has more than it can, whoever was promised room has it, and no move was for nothing. */
    @Test
    void plansOfRandomClustersHold() {
        SplittableRandom random = new SplittableRandom(20261129);
        int found = 0;
        for (int round = 0; round < CASES; round++) {
            int nodes = 2 + random.nextInt(4);
            Room room = Room.of(nodes, 8000, 8192, 8);
            List<RunningJob> running = new ArrayList<>();
            for (int i = 0; i < random.nextInt(14); i++) {
                RunningJob job = running(i + 1, random.nextInt(nodes), gpus(1 + random.nextInt(5)), 1 + random.nextInt(30), random.nextInt(5) > 0);
                if (room.fits(job.nodes()[0], job.demand())) {
                    room.take(job.nodes(), job.demand());
                    running.add(job);
                }
            }
            List<WaitingJob> waiting = new ArrayList<>();
            for (int i = 0; i < 1 + random.nextInt(3); i++) {
                waiting.add(waiting(i + 1, gpus(1 + random.nextInt(8))));
            }
            List<Gain> plan = Rebalance.plan(room, running, waiting, new Rebalance.Policy(1 + random.nextInt(6), 1, 3600));
            assertThat(Rebalance.plan(room, running, waiting, EVERYTHING)).as("the same again").isEqualTo(Rebalance.plan(room, running, waiting, EVERYTHING));
            found += plan.size();
            holds(room, waiting, plan);
        }
        assertThat(found).isGreaterThan(CASES / 20);
    }

    private static void holds(Room room, List<WaitingJob> waiting, List<Gain> plan) {
        Room after = room.copy();
        Set<Long> moved = new HashSet<>();
        for (WaitingJob job : waiting) {
            Gain gain = plan.stream().filter(one -> one.job() == job).findFirst().orElse(null);
            if (gain == null) {
                for (int node = 0; node < after.nodes(); node++) {
                    if (after.fits(node, job.demand())) {
                        after.take(new int[] {node}, job.demand());
                        break;
                    }
                }
                continue;
            }
            assertThat(after.fits(gain.node(), job.demand())).isFalse();
            for (Gain.Move move : gain.moves()) {
                assertThat(moved.add(move.job().id())).as("moved once").isTrue();
                assertThat(move.job().movable()).isTrue();
                assertThat(move.to()).isNotEqualTo(gain.node());
                assertThat(after.fits(move.to(), move.job().demand())).as("there is room where it goes").isTrue();
                after.give(move.job().nodes(), move.job().demand());
                after.take(new int[] {move.to()}, move.job().demand());
            }
            assertThat(after.fits(gain.node(), job.demand())).isTrue();
            for (Gain.Move move : gain.moves()) {
                Room without = after.copy();
                // Back where it was, if that were possible, the job would not fit.
                if (without.fits(move.job().nodes()[0], move.job().demand())) {
                    without.take(move.job().nodes(), move.job().demand());
                    assertThat(without.fits(gain.node(), job.demand())).isFalse();
                }
            }
            after.take(new int[] {gain.node()}, job.demand());
        }
    }
}
