package dev.ferry.scheduling.preempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Packing;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.SchedulingPass;
import dev.ferry.scheduling.pass.Verdict;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Random trees, clusters and jobs. {@code -Dferry.cases=1000000} plays a million (docs/scheduling.md says how long that takes); a failure names the seed of its case.
 */
class PreemptionPropertiesTest {
    private static final int CASES = Integer.getInteger("ferry.cases", 3000);
    private static final double EXACT = 1e-6;
    private static final long NOW = 100_000;

    private static void check(boolean holds, String claim) {
        if (!holds) {
            throw new AssertionError("Not so: " + claim);
        }
    }

    /** One small cluster that is played until nothing moves. */
    private static final class Case {
        private final Random random;
        private final AccountTree tree;
        private final Room room;
        private final double capacity;
        private final PreemptionPolicy policy;
        private final List<RunningJob> running = new ArrayList<>();
        private final List<WaitingJob> waiting = new ArrayList<>();
        private double[] due = {};
        private int preemptions;
        private int moves;

        Case(long seed) {
            random = new Random(seed);
            tree = tree();
            int nodes = 1 + random.nextInt(5);
            int gpus = 1 + random.nextInt(8);
            room = Room.of(nodes, 64_000, 100_000, gpus);
            capacity = nodes * gpus;
            policy = random.nextBoolean() ? PreemptionPolicy.naive() : guarded();
            boolean pieces = random.nextInt(4) == 0;
            int jobs = 1 + random.nextInt(20);
            for (long id = 1; id <= jobs; id++) {
                waiting.add(new WaitingJob(id, user(), random.nextInt(3), NOW - random.nextInt(500), pieces ? small(gpus) : demand(nodes, gpus), random.nextInt(4) == 0 ? WaitingJob.UNKNOWN : 1 + random.nextInt(5000)));
            }
            start();
            if (pieces) {
                endSome();
            }
            double[] asked = new double[tree.size()];
            long more = jobs + random.nextInt(20);
            for (long id = jobs + 1; id <= more; id++) {
                waiting.add(new WaitingJob(id, user(), random.nextInt(3), NOW - random.nextInt(500), pieces ? large(nodes, gpus) : demand(nodes, gpus), 1 + random.nextInt(5000)));
            }
            running.forEach(job -> asked[job.account()] += job.demand().size(true));
            waiting.forEach(job -> asked[job.account()] += job.demand().size(true));
            due = Deserved.of(tree, capacity, asked);
            checkDues(asked);
        }

        /** What is free is then in pieces. */
        private void endSome() {
            for (RunningJob job : List.copyOf(running)) {
                if (random.nextInt(3) == 0) {
                    running.remove(job);
                    room.give(job.nodes(), job.demand());
                }
            }
        }

        private PreemptionPolicy guarded() {
            return new PreemptionPolicy(
                    random.nextInt(100), random.nextDouble() / 4, random.nextInt(100), random.nextInt(1000), 1 + random.nextInt(9), random.nextDouble(), 1, 3600, random.nextInt(3) * 100, random.nextBoolean(), random.nextInt(3) > 0,
                    random.nextBoolean(), random.nextBoolean());
        }

        private AccountTree tree() {
            List<Association> rows = new ArrayList<>(List.of(new Association(1, 0, "root", null, 1, null)));
            int accounts = 1 + random.nextInt(5);
            for (int at = 0; at < accounts; at++) {
                rows.add(new Association(2 + at, 1 + random.nextInt(1 + at), "a" + at, null, random.nextInt(6) - 1, null));
            }
            int users = 1 + random.nextInt(6);
            for (int at = 0; at < users; at++) {
                int account = random.nextInt(accounts);
                rows.add(new Association(100 + at, 2 + account, "a" + account, "u" + at, random.nextInt(6) - 1, null));
            }
            return AccountTree.of(rows);
        }

        private int user() {
            while (true) {
                int at = random.nextInt(tree.size());
                if (tree.get(at).isUser()) {
                    return at;
                }
            }
        }

        private Demand demand(int nodes, int gpus) {
            return new Demand(1 + random.nextInt(nodes), 1000 * random.nextInt(9), random.nextInt(20_000), random.nextInt(gpus + 1), 0);
        }

        private Demand small(int gpus) {
            return new Demand(1, 1000, 100, 1 + random.nextInt(Math.max(1, gpus / 2)), 0);
        }

        private Demand large(int nodes, int gpus) {
            return new Demand(1 + random.nextInt(Math.min(2, nodes)), 1000, 100, gpus - random.nextInt(1 + gpus / 3), 0);
        }

        private void checkDues(double[] asked) {
            double sum = 0;
            for (int at = 0; at < tree.size(); at++) {
                if (tree.get(at).isUser()) {
                    check(due[at] >= -EXACT && due[at] <= asked[at] + EXACT, "a due is no more than what is asked for");
                    sum += due[at];
                }
            }
            double all = 0;
            for (double one : asked) {
                all += one;
            }
            check(Math.abs(sum - Math.min(capacity, all)) <= EXACT, "all that is there is due to somebody who can use it");
        }

        private boolean start() {
            boolean any = false;
            List<WaitingJob> queue = due.length == 0 || !policy.dueFirst() ? waiting : DueFirst.mark(waiting, Balance.of(due, running, true, capacity), job -> job.demand().size(true), NOW, policy.patience());
            for (Verdict verdict : SchedulingPass.run(room, running, queue, Packing.values()[random.nextInt(3)], NOW)) {
                if (verdict instanceof Verdict.Start start) {
                    WaitingJob job = start.job();
                    waiting.removeIf(one -> one.id() == job.id());
                    long ends = job.seconds() == WaitingJob.UNKNOWN ? WaitingJob.UNKNOWN : NOW + job.seconds();
                    running.add(new RunningJob(job.id(), job.account(), job.demand(), start.nodes(), NOW - random.nextInt(200), ends, random.nextInt(60), random.nextInt(3), NOW - random.nextInt(2000), random.nextInt(10) > 0, random.nextInt(10) > 0));
                    any = true;
                }
            }
            return any;
        }

        private boolean preempt() {
            for (WaitingJob job : List.copyOf(waiting)) {
                Balance before = Balance.of(due, running, true, capacity);
                Spent spent = new Spent(random.nextInt(5), random.nextInt(100));
                List<RunningJob> asWas = List.copyOf(running);
                Decision decision = Preemption.decide(job, room, running, before, policy, spent, NOW);
                check(Preemption.decide(job, room.copy(), asWas, before, policy, spent, NOW).equals(decision), "the same input gives the same decision");
                if (decision instanceof Decision.Preempt preempt) {
                    apply(preempt, before);
                    return true;
                }
            }
            return false;
        }

        private void apply(Decision.Preempt preempt, Balance before) {
            preemptions++;
            WaitingJob job = preempt.job();
            check(!preempt.victims().isEmpty() || !preempt.moves().isEmpty(), "somebody gives room");
            for (RunningJob victim : preempt.victims()) {
                checkGuards(victim);
                check(victim.account() != job.account(), "nobody makes room for its like");
                running.remove(victim);
                waiting.add(new WaitingJob(victim.id(), victim.account(), 0, NOW - policy.delay(), victim.demand(), 1000));
            }
            for (Decision.Move move : preempt.moves()) {
                RunningJob mover = move.job();
                checkGuards(mover);
                check(policy.moves() && mover.relocatable() && mover.nodes().length == 1 && mover.nodes()[0] != move.to(), "it can go on on another node");
                check(running.remove(mover) && !preempt.victims().contains(mover), "nobody is moved and taken away");
                // Throws if the room there is not free before anybody has left.
                room.take(new int[] {move.to()}, mover.demand());
                running.add(new RunningJob(mover.id(), mover.account(), mover.demand(), new int[] {move.to()}, NOW, mover.ends(), mover.moveSeconds(), mover.hits() + 1, NOW, true, true));
                moves++;
            }
            preempt.moves().forEach(move -> room.give(move.job().nodes(), move.job().demand()));
            preempt.victims().forEach(victim -> room.give(victim.nodes(), victim.demand()));
            // Throws if there is less room than the decision says.
            room.take(preempt.nodes(), job.demand());
            waiting.removeIf(one -> one.id() == job.id());
            running.add(new RunningJob(job.id(), job.account(), job.demand(), preempt.nodes(), NOW - policy.minimumRun(), WaitingJob.UNKNOWN, 1, 0, 0, true));
            Balance after = Balance.of(due, running, true, capacity);
            check(Math.abs(after.lack() - before.lack() + job.demand().size(true)) <= EXACT, "the lack falls by the size of the job");
            for (RunningJob victim : preempt.victims()) {
                check(after.lack(victim.account()) <= EXACT, "no victim's account falls below its due");
            }
        }

        private void checkGuards(RunningJob hit) {
            check(hit.movable() && hit.ends() - NOW > hit.moveSeconds(), "it can be moved, and that is worth it");
            check(NOW - hit.since() >= policy.minimumRun(), "it has run long enough");
            check(hit.hits() == 0 || NOW - hit.lastHit() >= policy.spacing(), "it was not hit just before");
        }

        void play() {
            double most = Balance.of(due, running, true, capacity).lack();
            while (preempt() || start()) {
                check(preemptions <= most + EXACT, "there are no more preemptions than the lack allows");
            }
        }
    }

    @Test
    void noCircleNoVictimBelowItsDueNoRoomGivenTwice() {
        int preemptions = 0;
        int moves = 0;
        long began = System.nanoTime();
        for (long seed = 0; seed < CASES; seed++) {
            try {
                Case one = new Case(seed);
                one.play();
                preemptions += one.preemptions;
                moves += one.moves;
            } catch (AssertionError | RuntimeException failed) {
                throw new AssertionError("Case with seed " + seed, failed);
            }
        }
        System.out.println(CASES + " cases, " + preemptions + " preemptions, " + moves + " moves, " + (System.nanoTime() - began) / 1_000_000_000 + " s");
        assertThat(preemptions).as("preemptions in all cases: else nothing was tested").isGreaterThan(CASES / 20);
        assertThat(moves).as("moves in all cases").isGreaterThan(CASES / 100);
    }
}
