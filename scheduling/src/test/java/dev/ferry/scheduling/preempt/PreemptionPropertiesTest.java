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
        private final double[] due;
        private int preemptions;

        Case(long seed) {
            random = new Random(seed);
            tree = tree();
            int nodes = 1 + random.nextInt(5);
            int gpus = 1 + random.nextInt(8);
            room = Room.of(nodes, 64_000, 100_000, gpus);
            capacity = nodes * gpus;
            policy = random.nextBoolean() ? PreemptionPolicy.naive() : new PreemptionPolicy(random.nextInt(100), random.nextDouble() / 4, random.nextInt(100), random.nextInt(1000), 1 + random.nextInt(9), random.nextDouble(), 1, 3600);
            int jobs = 1 + random.nextInt(20);
            for (long id = 1; id <= jobs; id++) {
                waiting.add(new WaitingJob(id, user(), random.nextInt(3), NOW - random.nextInt(500), demand(nodes, gpus), random.nextInt(4) == 0 ? WaitingJob.UNKNOWN : 1 + random.nextInt(5000)));
            }
            start();
            double[] asked = new double[tree.size()];
            long more = jobs + random.nextInt(20);
            for (long id = jobs + 1; id <= more; id++) {
                waiting.add(new WaitingJob(id, user(), random.nextInt(3), NOW - random.nextInt(500), demand(nodes, gpus), 1 + random.nextInt(5000)));
            }
            running.forEach(job -> asked[job.account()] += job.demand().size(true));
            waiting.forEach(job -> asked[job.account()] += job.demand().size(true));
            due = Deserved.of(tree, capacity, asked);
            checkDues(asked);
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
            for (Verdict verdict : SchedulingPass.run(room, running, waiting, random.nextBoolean() ? Packing.PACK : Packing.SPREAD, NOW)) {
                if (verdict instanceof Verdict.Start start) {
                    WaitingJob job = start.job();
                    waiting.remove(job);
                    long ends = job.seconds() == WaitingJob.UNKNOWN ? WaitingJob.UNKNOWN : NOW + job.seconds();
                    running.add(new RunningJob(job.id(), job.account(), job.demand(), start.nodes(), NOW - random.nextInt(200), ends, random.nextInt(60), random.nextInt(3), NOW - random.nextInt(2000), random.nextInt(10) > 0));
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
            check(!preempt.victims().isEmpty(), "somebody gives room");
            for (RunningJob victim : preempt.victims()) {
                check(victim.movable() && victim.ends() - NOW > victim.moveSeconds(), "the victim can be moved, and that is worth it");
                check(NOW - victim.since() >= policy.minimumRun(), "the victim has run long enough");
                check(victim.hits() == 0 || NOW - victim.lastHit() >= policy.spacing(), "the victim was not hit just before");
                room.give(victim.nodes(), victim.demand());
                running.remove(victim);
                waiting.add(new WaitingJob(victim.id(), victim.account(), 0, NOW - policy.delay(), victim.demand(), 1000));
            }
            // Throws if there is less room than the decision says.
            room.take(preempt.nodes(), job.demand());
            waiting.remove(job);
            running.add(new RunningJob(job.id(), job.account(), job.demand(), preempt.nodes(), NOW - policy.minimumRun(), WaitingJob.UNKNOWN, 1, 0, 0, true));
            Balance after = Balance.of(due, running, true, capacity);
            check(Math.abs(after.lack() - before.lack() + job.demand().size(true)) <= EXACT, "the lack falls by the size of the job");
            for (RunningJob victim : preempt.victims()) {
                check(after.lack(victim.account()) <= EXACT, "no victim's account falls below its due");
            }
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
        long began = System.nanoTime();
        for (long seed = 0; seed < CASES; seed++) {
            try {
                Case one = new Case(seed);
                one.play();
                preemptions += one.preemptions;
            } catch (AssertionError | RuntimeException failed) {
                throw new AssertionError("Case with seed " + seed, failed);
            }
        }
        System.out.println(CASES + " cases, " + preemptions + " preemptions, " + (System.nanoTime() - began) / 1_000_000_000 + " s");
        assertThat(preemptions).as("preemptions in all cases: else nothing was tested").isGreaterThan(CASES / 20);
    }
}
