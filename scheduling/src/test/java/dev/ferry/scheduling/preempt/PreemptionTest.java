package dev.ferry.scheduling.preempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.scheduling.Trees;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.SchedulingPass;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Two nodes with 8 GPUs; accounts a and b with equal shares, a fills the cluster. */
class PreemptionTest {
    private static final long NOW = 10_000;
    private static final AccountTree TREE = new Trees().account("a", "root", 1).account("b", "root", 1).user("x", "a", 1, 0).user("y", "b", 1, 0).usage().tree();
    private static final int X = TREE.find("a", "x").getAsInt();
    private static final int Y = TREE.find("b", "y").getAsInt();

    private static Demand gpus(int count) {
        return new Demand(1, 1000L * count, 1000L * count, count, 0);
    }

    private static RunningJob running(long id, int node, int gpus, double move, int hits, long ends) {
        return new RunningJob(id, X, gpus(gpus), new int[] {node}, 0, ends, move, hits, hits == 0 ? 0 : NOW - 5000, true, true);
    }

    private static RunningJob failing(long id, int node, int gpus, double move, int failing) {
        return new RunningJob(id, X, gpus(gpus), new int[] {node}, 0, 99_999, move, 0, 0, true, true, failing);
    }

    private static WaitingJob waiting(int gpus) {
        return new WaitingJob(100, Y, 0, NOW - 300, gpus(gpus), 3600);
    }

    private static Decision decide(WaitingJob job, List<RunningJob> running, PreemptionPolicy policy, Spent spent) {
        Room room = Room.of(2, 8000, 8000, 8);
        running.forEach(one -> room.take(one.nodes(), one.demand()));
        double[] asked = new double[TREE.size()];
        running.forEach(one -> asked[one.account()] += one.demand().size(true));
        asked[job.account()] += job.demand().size(true);
        double[] due = Deserved.of(TREE, 16, asked);
        return Preemption.decide(job, room, running, Balance.of(due, running, true, 16), policy, spent, NOW);
    }

    private static List<Long> victims(Decision decision) {
        assertThat(decision).isInstanceOf(Decision.Preempt.class);
        return ((Decision.Preempt) decision).victims().stream().map(RunningJob::id).toList();
    }

    private static Decision.Why why(Decision decision) {
        assertThat(decision).isInstanceOf(Decision.Keep.class);
        return ((Decision.Keep) decision).why();
    }

    @Test
    void aGpuThatIsFailingIsNotRoomThatAJobGives() {
        RunningJob half = failing(2, 0, 4, 1, 2);
        RunningJob none = failing(3, 1, 4, 1, 4);
        RunningJob whole = running(4, 1, 4, 60, 0, 99_999);
        List<RunningJob> running = List.of(running(1, 0, 4, 50, 0, 99_999), half, none, whole);
        assertThat(victims(decide(waiting(4), running, PreemptionPolicy.gentle(), Spent.NOTHING))).as("the dearer one that gives four").containsExactly(1L);
        assertThat(half.freed()).as("two of its four are well").isEqualTo(new Demand(1, 4000, 4000, 2, 0));
        assertThat(why(decide(waiting(4), List.of(half, failing(5, 0, 4, 1, 3), none, failing(6, 1, 4, 1, 4)), PreemptionPolicy.gentle(), Spent.NOTHING))).isEqualTo(Decision.Why.NO_VICTIMS);
    }

    @Test
    void theCheapestGivesRoom() {
        List<RunningJob> running = List.of(running(1, 0, 4, 60, 0, 99_999), running(2, 0, 4, 20, 0, 99_999), running(3, 1, 4, 40, 0, 99_999), running(4, 1, 4, 40, 0, 99_999));
        assertThat(victims(decide(waiting(4), running, PreemptionPolicy.gentle(), Spent.NOTHING))).containsExactly(2L);
    }

    /** Its time is not known: most jobs' limits are not. */
    @Test
    void aJobWithoutATimeLimitThatHasWaitedGetsRoom() {
        List<RunningJob> running = List.of(running(1, 0, 8, 20, 0, WaitingJob.UNKNOWN), running(2, 1, 8, 60, 0, WaitingJob.UNKNOWN));
        for (long waited : new long[] {0, 120, 3600, 1_000_000}) {
            WaitingJob unlimited = new WaitingJob(100, Y, 0, NOW - waited, gpus(8), WaitingJob.UNKNOWN);
            PreemptionPolicy noDelay = new PreemptionPolicy(0, 0.05, 0, 0, 1000, 0.05, 0.5, 3600, 1200, true, true, true, true);
            assertThat(victims(decide(unlimited, running, noDelay, Spent.NOTHING))).as("waited %s s", waited).containsExactly(1L);
        }
    }

    @Test
    void oneThatWasHitIsDearerThanOneThatWasNot() {
        List<RunningJob> running = List.of(running(1, 0, 8, 20, 2, 99_999), running(2, 1, 8, 60, 0, 99_999));
        assertThat(victims(decide(waiting(8), running, PreemptionPolicy.gentle(), Spent.NOTHING))).containsExactly(2L);
    }

    @Test
    void noAccountFallsBelowItsDueAndNoneRisesAboveIt() {
        // a holds 16 and keeps 8; b asks for 12 and is due 8.
        List<RunningJob> running = List.of(running(1, 0, 8, 20, 0, 99_999), running(2, 1, 8, 20, 0, 99_999));
        assertThat(why(decide(new WaitingJob(100, Y, 0, 0, new Demand(2, 0, 0, 6, 0), 10), running, PreemptionPolicy.naive(), Spent.NOTHING))).isEqualTo(Decision.Why.NOT_DUE);
        // A job of a on all 16 can't give a part of itself: a would fall to nothing.
        RunningJob gang = new RunningJob(1, X, new Demand(2, 8000, 8000, 8, 0), new int[] {0, 1}, 0, 99_999, 20, 0, 0, true);
        assertThat(why(decide(waiting(8), List.of(gang), PreemptionPolicy.naive(), Spent.NOTHING))).isEqualTo(Decision.Why.NO_VICTIMS);
    }

    @Test
    void guardsHold() {
        List<RunningJob> running = List.of(running(1, 0, 8, 20, 0, 99_999), running(2, 1, 8, 20, 0, 99_999));
        PreemptionPolicy gentle = PreemptionPolicy.gentle();
        assertThat(why(decide(new WaitingJob(100, Y, 0, NOW - 10, gpus(8), 3600), running, gentle, Spent.NOTHING))).isEqualTo(Decision.Why.TOO_SOON);
        assertThat(why(decide(waiting(8), running, gentle, new Spent(gentle.mostPerHour(), 0)))).isEqualTo(Decision.Why.OVER_BUDGET);
        assertThat(why(decide(waiting(8), running, gentle, new Spent(0, 16 * 3600)))).isEqualTo(Decision.Why.OVER_BUDGET);
        // Moving 8 GPUs for 20 s to give 8 for 10 s.
        assertThat(why(decide(new WaitingJob(100, Y, 0, NOW - 120, gpus(8), 10), running, gentle, Spent.NOTHING))).isEqualTo(Decision.Why.TOO_DEAR);
        List<RunningJob> nearlyDone = List.of(running(1, 0, 8, 20, 0, NOW + 15), running(2, 1, 8, 20, 0, NOW + 15));
        assertThat(why(decide(waiting(8), nearlyDone, gentle, Spent.NOTHING))).isEqualTo(Decision.Why.NO_VICTIMS);
        assertThat(victims(decide(waiting(8), running, gentle, Spent.NOTHING))).containsExactly(1L);
    }

    @Test
    void aJobThatHasRoomElsewhereIsMovedAndItsAccountLosesNothing() {
        // Four GPUs are free on each node, and a is not above its due: b's eight are free in pieces.
        RunningJob dear = running(1, 0, 4, 60, 0, 99_999);
        RunningJob cheap = running(2, 1, 4, 20, 0, 99_999);
        Decision decision = decide(waiting(8), List.of(dear, cheap), PreemptionPolicy.gentle(), Spent.NOTHING);
        assertThat(decision).isEqualTo(new Decision.Preempt(waiting(8), List.of(), List.of(new Decision.Move(cheap, 0)), new int[] {1}, 4 * 20 + 1200));
        assertThat(why(decide(waiting(8), List.of(dear, cheap), PreemptionPolicy.naive(), Spent.NOTHING))).isEqualTo(Decision.Why.NO_VICTIMS);
        // Of its own account too.
        RunningJob own = new RunningJob(2, Y, gpus(2), new int[] {1}, 0, 99_999, 20, 0, 0, true, true);
        assertThat(decide(waiting(8), List.of(dear, own), PreemptionPolicy.gentle(), Spent.NOTHING)).isInstanceOfSatisfying(Decision.Preempt.class, taken -> assertThat(taken.moves()).containsExactly(new Decision.Move(own, 0)));
        Balance balance = new Balance(new double[TREE.size()], new double[TREE.size()], true, 16);
        assertThat(Preemption.refusal(own, waiting(8), balance, PreemptionPolicy.gentle(), NOW)).as("it gives no room all the same").contains(Preemption.Refusal.SAME_ACCOUNT);
        // Not one that asked for its node.
        RunningJob pinned = new RunningJob(2, X, gpus(4), new int[] {1}, 0, 99_999, 20, 0, 0, true);
        RunningJob alsoPinned = new RunningJob(1, X, gpus(4), new int[] {0}, 0, 99_999, 20, 0, 0, true);
        assertThat(why(decide(waiting(8), List.of(alsoPinned, pinned), PreemptionPolicy.gentle(), Spent.NOTHING))).isEqualTo(Decision.Why.NO_VICTIMS);
    }

    @Test
    void whatEndsSoonIsWaitedForUnlessItWasForHours() {
        List<RunningJob> running = List.of(running(1, 0, 8, 20, 0, NOW + 60), running(2, 1, 8, 20, 0, 99_999));
        assertThat(why(decide(waiting(8), running, PreemptionPolicy.gentle(), Spent.NOTHING))).isEqualTo(Decision.Why.TOO_DEAR);
        WaitingJob forHours = new WaitingJob(100, Y, 0, NOW - 6 * 3600, gpus(8), 3600);
        assertThat(victims(decide(forHours, running, PreemptionPolicy.gentle(), Spent.NOTHING))).hasSize(1);
        List<RunningJob> longer = List.of(running(1, 0, 8, 20, 0, NOW + 3000), running(2, 1, 8, 20, 0, 99_999));
        assertThat(victims(decide(waiting(8), longer, PreemptionPolicy.gentle(), Spent.NOTHING))).hasSize(1);
    }

    @Test
    void whatWasWaitedMakesTheRestCountMore() {
        // (8 * 20 + 1200) * 3.77 for one that was hit is half of what eight GPUs are in 12.8 times the 100 s that are left.
        List<RunningJob> running = List.of(running(1, 0, 8, 20, 1, NOW + 100), running(2, 1, 8, 20, 1, 99_999));
        WaitingJob shortly = new WaitingJob(100, Y, 0, NOW - 14_000, gpus(8), 3600);
        WaitingJob longer = new WaitingJob(100, Y, 0, NOW - 14_400, gpus(8), 3600);
        assertThat(why(decide(shortly, running, PreemptionPolicy.gentle(), Spent.NOTHING))).isEqualTo(Decision.Why.TOO_DEAR);
        assertThat(victims(decide(longer, running, PreemptionPolicy.gentle(), Spent.NOTHING))).hasSize(1);
        assertThat(why(decide(longer, running, withoutAgeing(PreemptionPolicy.gentle()), Spent.NOTHING))).isEqualTo(Decision.Why.TOO_DEAR);
    }

    @Test
    void aShortJobDoesNotWaitForEverEither() {
        // Moving 8 GPUs for 20 s is half of what they are for 10 s, and a sixth of the 180 s for which it has waited.
        List<RunningJob> running = List.of(running(1, 0, 8, 20, 0, 99_999), running(2, 1, 8, 20, 0, 99_999));
        assertThat(why(decide(new WaitingJob(100, Y, 0, NOW - 170, gpus(8), 10), running, PreemptionPolicy.gentle(), Spent.NOTHING))).isEqualTo(Decision.Why.TOO_DEAR);
        WaitingJob longer = new WaitingJob(100, Y, 0, NOW - 180, gpus(8), 10);
        assertThat(victims(decide(longer, running, PreemptionPolicy.gentle(), Spent.NOTHING))).hasSize(1);
        assertThat(why(decide(longer, running, withoutAgeing(PreemptionPolicy.gentle()), Spent.NOTHING))).isEqualTo(Decision.Why.TOO_DEAR);
    }

    @Test
    void aHitIsPaidOffInADay() {
        RunningJob other = running(2, 1, 8, 60, 0, 99_999);
        RunningJob lately = new RunningJob(1, X, gpus(8), new int[] {0}, 0, 99_999, 20, 2, NOW - 5000, true, true);
        RunningJob longAgo = new RunningJob(1, X, gpus(8), new int[] {0}, 0, 99_999, 20, 2, NOW - PreemptionPolicy.HITS_COUNT_FOR, true, true);
        assertThat(victims(decide(waiting(8), List.of(lately, other), PreemptionPolicy.gentle(), Spent.NOTHING))).containsExactly(2L);
        assertThat(victims(decide(waiting(8), List.of(longAgo, other), PreemptionPolicy.gentle(), Spent.NOTHING))).containsExactly(1L);
        assertThat(victims(decide(waiting(8), List.of(longAgo, other), withoutAgeing(PreemptionPolicy.gentle()), Spent.NOTHING))).containsExactly(2L);
    }

    private static PreemptionPolicy withoutAgeing(PreemptionPolicy policy) {
        return new PreemptionPolicy(
                policy.delay(), policy.hysteresis(), policy.minimumRun(), policy.spacing(), policy.mostPerHour(), policy.mostMoving(), policy.worth(), policy.horizon(), policy.interruption(), policy.foresight(), policy.moves(), policy.dueFirst(), false);
    }

    @Test
    void fewerLargerJobsAreTakenThanManySmallOnes() {
        // Moving costs the same; each interruption counts.
        List<RunningJob> running = List.of(running(1, 0, 4, 20, 0, 99_999), running(2, 0, 4, 20, 0, 99_999), running(3, 1, 8, 20, 0, 99_999));
        assertThat(victims(decide(waiting(8), running, PreemptionPolicy.gentle(), Spent.NOTHING))).containsExactly(3L);
    }

    @Test
    void jobsWithinTheDuesOfTheirAccountsGoFirst() {
        Balance balance = new Balance(new double[] {0, 0, 0, 8, 8}, new double[] {0, 0, 0, 6, 0}, true, 16);
        WaitingJob over = new WaitingJob(1, 3, 9, 0, gpus(4), 100);
        WaitingJob within = new WaitingJob(2, 3, 5, 0, gpus(2), 100);
        WaitingJob noMore = new WaitingJob(3, 3, 4, 0, gpus(2), 100);
        WaitingJob other = new WaitingJob(4, 4, 1, 0, gpus(8), 100);
        List<WaitingJob> marked = new ArrayList<>(DueFirst.mark(List.of(other, noMore, within, over), balance, job -> job.demand().size(true), 3599, 3600));
        marked.sort(SchedulingPass.ORDER);
        assertThat(marked.stream().map(WaitingJob::id)).containsExactly(2L, 4L, 1L, 3L);
        assertThat(marked.stream().map(WaitingJob::due)).containsExactly(true, true, false, false);
    }

    /** Whatever its account is due, and however many small ones come behind it. */
    @Test
    void aLargeJobIsNotOvertakenBySmallOnesOfItsAccountForEver() {
        for (double due : new double[] {8, 3.2}) {
            Balance balance = new Balance(new double[] {0, 0, 0, due, due}, new double[] {0, 0, 0, due - 1, 0}, true, 16);
            List<WaitingJob> queue = new ArrayList<>(List.of(new WaitingJob(1, 3, 9, 0, gpus(8), 100)));
            for (int small = 2; small < 10; small++) {
                queue.add(new WaitingJob(small, 3, 5, 0, gpus(1), 100));
            }
            List<WaitingJob> marked = new ArrayList<>(DueFirst.mark(queue, balance, job -> job.demand().size(true), 3600, 3600));
            marked.sort(SchedulingPass.ORDER);
            assertThat(marked.getFirst().id()).isEqualTo(1);
            assertThat(marked.getFirst().due()).isTrue();
        }
    }

    @Test
    void whoHasWaitedForVeryLongDisturbsAlsoThoseThatWereHitOften() {
        List<RunningJob> running = new ArrayList<>();
        for (int one = 0; one < 4; one++) {
            running.add(new RunningJob(one, X, gpus(4), new int[] {one % 2 == 0 ? 0 : 1}, 0, WaitingJob.UNKNOWN, 30, 3, 0, true));
        }
        Decision soon = decide(new WaitingJob(9, Y, 0, NOW - 300, gpus(8), 36_000), running, PreemptionPolicy.gentle(), Spent.NOTHING);
        assertThat(soon).isInstanceOfSatisfying(Decision.Keep.class, keep -> assertThat(keep.why()).isEqualTo(Decision.Why.TOO_DEAR));
        Decision late = decide(new WaitingJob(9, Y, 0, NOW - 7 * 3600, gpus(8), 36_000), running, PreemptionPolicy.gentle(), Spent.NOTHING);
        assertThat(late).isInstanceOf(Decision.Preempt.class);
    }

    @Test
    void whoHasNoHopeIsNotLookedAtAgainButWhoAsksForLessTimeOrLessIs() {
        Hopeless hopeless = new Hopeless(PreemptionPolicy.gentle());
        Decision.Keep keep = new Decision.Keep(waiting(8), Decision.Why.TOO_DEAR);
        hopeless.learn(keep, "normal");
        assertThat(hopeless.known(waiting(8), "normal")).contains(keep);
        assertThat(hopeless.known(waiting(8), "urgent")).isEmpty();
        assertThat(hopeless.known(waiting(4), "normal")).isEmpty();
        assertThat(hopeless.known(new WaitingJob(9, Y, 0, NOW - 301, gpus(8), 3600), "normal")).isEmpty();
        Hopeless before = new Hopeless(PreemptionPolicy.naive());
        before.learn(keep, "normal");
        assertThat(before.known(waiting(8), "normal")).isEmpty();
    }

    @Test
    void duesGoByTheTreeAndByWhatCanBeUsed() {
        AccountTree tree = new Trees().account("a", "root", 3).account("b", "root", 1).user("x", "a", 1, 0).user("y", "a", 1, 0).user("z", "b", 1, 0).usage().tree();
        double[] asked = new double[tree.size()];
        asked[tree.find("a", "x").getAsInt()] = 2;
        asked[tree.find("a", "y").getAsInt()] = 20;
        asked[tree.find("b", "z").getAsInt()] = 20;
        double[] due = Deserved.of(tree, 16, asked);
        // a: 12 of 16; x needs only 2 of its 6, y gets the rest. b: 4.
        assertThat(due[tree.find("a", "x").getAsInt()]).isEqualTo(2);
        assertThat(due[tree.find("a", "y").getAsInt()]).isEqualTo(10);
        assertThat(due[tree.find("b", "z").getAsInt()]).isEqualTo(4);
        asked[tree.find("a", "y").getAsInt()] = 1;
        assertThat(Deserved.of(tree, 16, asked)[tree.find("b", "z").getAsInt()]).as("what a can't use goes to b").isEqualTo(13);
    }
}
