package dev.ferry.scheduling.pass;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SchedulingPassTest {
    private static final long NOW = 1000;

    private static Demand gpus(int nodes, int each) {
        return new Demand(nodes, 1000L * each, 1000L * each, each, 0);
    }

    private static Room room(int nodes) {
        return Room.of(nodes, 8000, 8000, 8);
    }

    private static WaitingJob job(long id, long priority, Demand demand, long seconds) {
        return new WaitingJob(id, 0, priority, id, demand, seconds);
    }

    private static RunningJob running(Room room, long id, int[] nodes, Demand demand, long ends) {
        room.take(nodes, demand);
        return new RunningJob(id, 0, demand, nodes, 0, ends, 0, 0, 0, true);
    }

    private static Verdict.Reserved reserved(WaitingJob job, long at, int[] nodes) {
        return new Verdict.Reserved(job, at, nodes, room(0));
    }

    @Test
    void theHighestPriorityStartsFirstThenWhoWaitsLongest() {
        List<Verdict> verdicts = SchedulingPass.run(room(1), List.of(), List.of(job(3, 5, gpus(1, 4), 10), job(2, 5, gpus(1, 4), 10), job(1, 1, gpus(1, 4), 10), job(4, 9, gpus(1, 4), 10)), Packing.PACK, NOW);
        assertThat(verdicts.stream().map(verdict -> verdict.job().id())).containsExactly(4L, 2L, 3L, 1L);
        assertThat(verdicts.stream().filter(Verdict.Start.class::isInstance)).hasSize(2);
    }

    @Test
    void noNodeIsKeptForGpusThatAreFailing() {
        Room room = room(2);
        List<RunningJob> running = List.of(running(room, 90, new int[] {0}, gpus(1, 4), NOW + 500), running(room, 91, new int[] {1}, gpus(1, 4), NOW + 100));
        RunningJob one = running.get(1);
        RunningJob failing = new RunningJob(91, 0, one.demand(), one.nodes(), 0, one.ends(), 0, 0, 0, true, false, 4);
        WaitingJob head = job(1, 9, gpus(1, 8), 1000);
        assertThat(SchedulingPass.run(room.copy(), running, List.of(head), Packing.PACK, NOW)).containsExactly(reserved(head, NOW + 100, new int[] {1}));
        assertThat(SchedulingPass.run(room, List.of(running.getFirst(), failing), List.of(head), Packing.PACK, NOW)).containsExactly(reserved(head, NOW + 500, new int[] {0}));
    }

    @Test
    void onANodeWhoseJobsHoldMoreThanItHasThereIsRoomOnlyWhenThatIsMadeUpFor() {
        Room room = Room.partly(new long[] {-16_000}, new long[] {100_000}, new int[] {-2}, new long[1], 2);
        Demand eight = new Demand(1, 8000, 10, 1, 0);
        List<RunningJob> running = new ArrayList<>();
        for (int at = 0; at < 4; at++) {
            running.add(new RunningJob(90 + at, 0, eight, new int[] {0}, 0, NOW + 100 * (at + 1), 0, 0, 0, true));
        }
        assertThat(room.fits(0, new Demand(1, 0, 10, 0, 0))).as("what is not asked for may be lacking").isTrue();
        assertThat(room.fits(0, new Demand(1, 1, 10, 0, 0))).isFalse();
        WaitingJob head = job(1, 9, eight, 1000);
        assertThat(SchedulingPass.run(room, running, List.of(head), Packing.PACK, NOW)).containsExactly(reserved(head, NOW + 300, new int[] {0}));
    }

    @Test
    void aJobGoesWhereItsDataLiesIfThereIsRoomThatIsNotKept() {
        Room room = room(4);
        // Packed it would go to node 0, which has the fewest free GPUs.
        List<RunningJob> running = List.of(running(room, 90, new int[] {0}, gpus(1, 4), NOW + 100), running(room, 91, new int[] {3}, gpus(1, 8), NOW + 100));
        WaitingJob warm = new WaitingJob(1, 0, 9, 1, gpus(1, 2), 1000, List.of(3, 2, 1));
        WaitingJob wide = new WaitingJob(2, 0, 8, 2, gpus(2, 7), 10, List.of(2, 3));
        assertThat(SchedulingPass.run(room, running, List.of(warm, wide), Packing.PACK, NOW)).containsExactly(new Verdict.Start(warm, new int[] {2}), reserved(wide, NOW + 100, new int[] {0, 1}));
        // Nodes 0 and 1 are kept for the head: one that runs for longer may not go there, wherever its data lies.
        WaitingJob later = new WaitingJob(3, 0, 7, 3, gpus(1, 2), 1000, List.of(0, 2));
        assertThat(SchedulingPass.run(room, running, List.of(wide, later), Packing.PACK, NOW)).last().isEqualTo(new Verdict.Start(later, new int[] {2}));
    }

    @Test
    void backfillGoesAheadOnlyWhereItDoesNotDelayTheHead() {
        Room room = room(2);
        List<RunningJob> running = List.of(running(room, 90, new int[] {0}, gpus(1, 8), NOW + 100), running(room, 91, new int[] {1}, gpus(1, 6), NOW + 500));
        // The head needs a whole node: node 0 at NOW + 100. On node 1 two GPUs are free.
        WaitingJob head = job(1, 9, gpus(1, 8), 1000);
        WaitingJob onTheOther = job(2, 5, gpus(1, 1), 5000);
        WaitingJob alsoThere = job(3, 4, gpus(1, 1), WaitingJob.UNKNOWN);
        WaitingJob none = job(4, 3, gpus(1, 1), 10);
        List<Verdict> verdicts = SchedulingPass.run(room, running, List.of(head, onTheOther, alsoThere, none), Packing.PACK, NOW);
        assertThat(verdicts)
                .containsExactly(reserved(head, NOW + 100, new int[] {0}), new Verdict.Start(onTheOther, new int[] {1}), new Verdict.Start(alsoThere, new int[] {1}), new Verdict.Waits(none, 0));
    }

    @Test
    void roomThatIsKeptTakesOnlyWhatEndsBefore() {
        Room room = room(2);
        List<RunningJob> running = List.of(running(room, 90, new int[] {0}, gpus(1, 4), NOW + 100));
        WaitingJob head = job(1, 9, gpus(2, 8), 1000);
        WaitingJob tooLong = job(2, 5, gpus(1, 2), 101);
        WaitingJob fits = job(3, 4, gpus(1, 2), 100);
        List<Verdict> verdicts = SchedulingPass.run(room, running, List.of(head, tooLong, fits), Packing.PACK, NOW);
        assertThat(verdicts).containsExactly(reserved(head, NOW + 100, new int[] {0, 1}), new Verdict.Waits(tooLong, 1), new Verdict.Start(fits, new int[] {0}));
    }

    @Test
    void withoutKnownEndsNothingIsKept() {
        Room room = room(1);
        List<RunningJob> running = List.of(running(room, 90, new int[] {0}, gpus(1, 6), WaitingJob.UNKNOWN));
        WaitingJob head = job(1, 9, gpus(1, 8), 10);
        WaitingJob small = job(2, 5, gpus(1, 2), WaitingJob.UNKNOWN);
        assertThat(SchedulingPass.run(room, running, List.of(head, small), Packing.PACK, NOW)).containsExactly(reserved(head, WaitingJob.UNKNOWN, new int[0]), new Verdict.Start(small, new int[] {0}));
    }

    /** As when the only large node is being emptied. */
    @Test
    void aJobThatNoNodeCanEverTakeDoesNotTakeTheReservationOfThoseBehind() {
        Room room = room(1);
        List<RunningJob> running = List.of(running(room, 90, new int[] {0}, gpus(1, 6), NOW + 100));
        WaitingJob never = job(1, 9, gpus(1, 9), 10);
        WaitingJob neverEither = job(2, 8, gpus(2, 1), 10);
        WaitingJob head = job(3, 7, gpus(1, 8), 10);
        WaitingJob small = job(4, 5, gpus(1, 2), 101);
        assertThat(SchedulingPass.run(room, running, List.of(never, neverEither, head, small), Packing.PACK, NOW))
                .containsExactly(new Verdict.Waits(never, 0), new Verdict.Waits(neverEither, 0), reserved(head, NOW + 100, new int[] {0}), new Verdict.Waits(small, 3));
    }

    @Test
    void aGangGetsAllOfItsNodesOrNone() {
        Room room = room(3);
        RunningJob there = running(room, 90, new int[] {1}, gpus(1, 5), NOW + 50);
        assertThat(SchedulingPass.run(room.copy(), List.of(there), List.of(job(1, 1, gpus(3, 4), 10)), Packing.PACK, NOW)).containsExactly(reserved(job(1, 1, gpus(3, 4), 10), NOW + 50, new int[] {0, 1, 2}));
        assertThat(SchedulingPass.run(room.copy(), List.of(there), List.of(job(1, 1, gpus(2, 4), 10)), Packing.PACK, NOW)).containsExactly(new Verdict.Start(job(1, 1, gpus(2, 4), 10), new int[] {0, 2}));
    }

    @Test
    void packingKeepsWholeNodesFreeAndSpreadingUsesThem() {
        Room room = room(3);
        RunningJob there = running(room, 90, new int[] {1}, gpus(1, 5), WaitingJob.UNKNOWN);
        assertThat(SchedulingPass.run(room.copy(), List.of(there), List.of(job(1, 1, gpus(1, 2), 10)), Packing.PACK, NOW)).containsExactly(new Verdict.Start(job(1, 1, gpus(1, 2), 10), new int[] {1}));
        assertThat(SchedulingPass.run(room.copy(), List.of(there), List.of(job(1, 1, gpus(1, 2), 10)), Packing.SPREAD, NOW)).containsExactly(new Verdict.Start(job(1, 1, gpus(1, 2), 10), new int[] {0}));
    }

    @Test
    void jobsGoBesideThoseThatEndNoSooner() {
        Room room = room(4);
        // Node 0 is used until 200, node 1 until 5000, node 2 until nobody knows when.
        List<RunningJob> running = List.of(running(room, 90, new int[] {0}, gpus(1, 6), NOW + 200), running(room, 91, new int[] {1}, gpus(1, 5), NOW + 5000), running(room, 92, new int[] {2}, gpus(1, 4), WaitingJob.UNKNOWN));
        assertThat(aligned(room, running, job(1, 1, gpus(1, 2), 100))).as("it fits and has the fewest free").isEqualTo(0);
        assertThat(aligned(room, running, job(1, 1, gpus(1, 2), 4000))).as("node 0 would be in use for an hour more").isEqualTo(1);
        assertThat(aligned(room, running, job(1, 1, gpus(1, 2), 230))).as("half a minute more is as good as none").isEqualTo(0);
        assertThat(aligned(room, running, job(1, 1, gpus(1, 2), 50_000))).isEqualTo(2);
        assertThat(aligned(room, running, job(1, 1, gpus(1, 5), 10))).as("an empty node only if no other has room").isEqualTo(3);
        assertThat(aligned(room, running, job(1, 1, gpus(1, 2), WaitingJob.UNKNOWN))).as("as PACK").isEqualTo(0);
    }

    private static int aligned(Room room, List<RunningJob> running, WaitingJob job) {
        return ((Verdict.Start) SchedulingPass.run(room.copy(), running, List.of(job), Packing.ALIGN, NOW).getFirst()).nodes()[0];
    }

    @Test
    void labelsMustAllBeThere() {
        Room room = Room.of(new long[] {8000, 8000}, new long[] {8000, 8000}, new int[] {8, 8}, new long[] {0b01, 0b11});
        Demand both = new Demand(1, 0, 0, 1, 0b11);
        assertThat(SchedulingPass.run(room, List.of(), List.of(job(1, 1, both, 10)), Packing.PACK, NOW)).containsExactly(new Verdict.Start(job(1, 1, both, 10), new int[] {1}));
    }

    /** Any queue on any cluster: a node is never given twice (Room throws), and the head starts no later than promised if all keep to their times. */
    @Test
    void theHeadStartsWhenItWasPromised() {
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            Room room = room(1 + random.nextInt(4));
            List<RunningJob> running = new ArrayList<>();
            List<WaitingJob> queue = new ArrayList<>();
            for (int id = 1; id < 30; id++) {
                queue.add(job(id, random.nextInt(5), gpus(1 + random.nextInt(room.nodes()), random.nextInt(9)), 1 + random.nextInt(100)));
            }
            long now = 0;
            long promised = WaitingJob.UNKNOWN;
            long head = 0;
            while (!queue.isEmpty()) {
                for (Verdict verdict : SchedulingPass.run(room, running, queue, Packing.values()[random.nextInt(3)], now)) {
                    switch (verdict) {
                        case Verdict.Start start -> {
                            if (start.job().id() == head) {
                                assertThat(now).as("seed %d", seed).isLessThanOrEqualTo(promised);
                            }
                            queue.remove(start.job());
                            running.add(new RunningJob(start.job().id(), 0, start.job().demand(), start.nodes(), now, now + start.job().seconds(), 0, 0, 0, true));
                        }
                        case Verdict.Reserved reserved -> {
                            promised = reserved.job().id() == head ? Math.min(promised, reserved.at()) : reserved.at();
                            head = reserved.job().id();
                            assertThat(promised).isLessThan(WaitingJob.UNKNOWN);
                        }
                        case Verdict.Waits waits -> assertThat(waits.behind()).isIn(0L, head);
                    }
                }
                if (queue.isEmpty()) {
                    break;
                }
                now = running.stream().mapToLong(RunningJob::ends).min().orElseThrow();
                for (RunningJob job : List.copyOf(running)) {
                    if (job.ends() == now) {
                        running.remove(job);
                        room.give(job.nodes(), job.demand());
                    }
                }
            }
        }
    }
}
