package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.FairshareRow;
import dev.ferry.proto.v1.GetFairshareRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListNodesRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three accounts with shares of 2, 1 and 1 and real jobs that come at random, for some minutes, on two nodes with room for two each: what each account has used must come
 * near to its share, and no job may fail. Not one of the default tests, because it takes its time: {@code mvn verify -pl chaos-tests -am -Dtest=None
 * -Dit.test=ThreeAccountsRun -Dsurefire.failIfNoSpecifiedTests=false -Dfailsafe.failIfNoSpecifiedTests=false [-Dferry.fairshare.minutes=5] [-Dferry.seed=1]}.
 */
class ThreeAccountsRun {
    private static final Duration RUN = Duration.ofMinutes(Integer.getInteger("ferry.fairshare.minutes", 5));
    private static final long SEED = Long.getLong("ferry.seed", 1);
    private static final Map<String, Integer> SHARES = new TreeMap<>(Map.of("a", 2, "b", 1, "c", 1));
    private static final int SLOTS = 4;
    private static final Set<JobState> ENDS = Set.of(JobState.EXITED, JobState.CANCELLED_JOB);

    /** Steps of a tenth of a second: jobs of 5 to 40 s. */
    private static final int LEAST_STEPS = 50;
    private static final int MOST_STEPS = 400;

    private Scene scene;
    private long half;

    @Test
    void useComesNearToTheSharesAndNoJobFails(@TempDir Path folder) throws Exception {
        // So quick as to be seen in minutes; the guards are as they are by default in their kind.
        String quick = "{tick: 1s, delay: 1s, minimumRun: 3s, spacing: 5s, mostMoving: 1, worth: 10}";
        try (Scene opened = new Scene(folder, "", "", Duration.ofSeconds(10), Map.of("scheduling", quick), Optional.empty())) {
            scene = opened;
            half = scene.ask(stub -> stub.listNodes(ListNodesRequest.getDefaultInstance())).getNodes(0).getCapacity().getCpuMillis() / 2;
            accounts();
            List<Job> jobs = keepAllBusy();
            Map<String, FairshareRow> used =
                    scene.accounts(stub -> stub.getFairshare(GetFairshareRequest.getDefaultInstance())).getRowsList().stream()
                            .filter(row -> row.getUser().isEmpty() && SHARES.containsKey(row.getAccount()))
                            .collect(Collectors.toMap(FairshareRow::getAccount, row -> row));
            used.forEach((account, row) -> System.out.printf("account %s: share %.4f, used %.4f%n", account, row.getNormalizedShares(), row.getEffectiveUsage()));
            jobs.forEach(this::end);
            Map<JobState, Long> ends = jobs.stream().map(job -> scene.job(job.getId())).collect(Collectors.groupingBy(Job::getState, Collectors.counting()));
            List<Operation> all = scene.ask(stub -> stub.listOperations(ListOperationsRequest.getDefaultInstance())).getOperationsList();
            System.out.printf("%d jobs: %s; %d preemptions%n", jobs.size(), ends, all.stream().filter(one -> one.getKind() == OperationKind.SUSPEND).count());
            assertThat(jobs.stream().map(job -> scene.job(job.getId())).filter(job -> job.getState() == JobState.EXITED)).allSatisfy(job -> assertThat(job.getExitStatus()).as(job.toString()).isZero());
            assertThat(ends.keySet()).isSubsetOf(ENDS);
            assertThat(all).filteredOn(one -> one.getState() == OperationState.FAILED_OPERATION).isEmpty();
            // Who submits without an account has a share too, which nobody asks for here.
            double shared = used.values().stream().mapToDouble(FairshareRow::getNormalizedShares).sum();
            used.forEach((account, row) -> assertThat(row.getEffectiveUsage()).as("use of " + account).isCloseTo(row.getNormalizedShares() / shared, within(0.05)));
        }
    }

    /** Cancels what has not ended by itself; a job that just comes back can be cancelled when it is there. */
    private void end(Job job) {
        await().atMost(Duration.ofMinutes(1))
                .until(
                        () -> {
                            if (!ENDS.contains(scene.job(job.getId()).getState())) {
                                try {
                                    scene.cancel(job.getId());
                                } catch (FerryException busy) {
                                    return false;
                                }
                            }
                            return true;
                        });
    }

    private void accounts() {
        ChangeAccountingRequest.Builder changes = ChangeAccountingRequest.newBuilder();
        SHARES.forEach(
                (account, shares) -> {
                    changes.addChanges(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setAssociation(Association.newBuilder().setAccount(account).setShares(shares)));
                    changes.addChanges(AccountingChange.newBuilder().setHow(AccountingChange.How.ADD).setAssociation(Association.newBuilder().setAccount(account).setUser("u")));
                });
        var ignored = scene.accounts(stub -> stub.changeAccounting(changes.build()));
    }

    /** Jobs come one by one, a random one of the accounts' at a time, so that each account always has more than its share would hold. */
    private List<Job> keepAllBusy() {
        Random random = new Random(SEED);
        List<Job> jobs = new ArrayList<>();
        Map<String, List<Job>> open = new HashMap<>();
        long end = System.nanoTime() + RUN.toNanos();
        while (System.nanoTime() < end) {
            List<String> wanting = SHARES.keySet().stream().filter(account -> open.computeIfAbsent(account, any -> new ArrayList<>()).size() <= SLOTS).toList();
            if (!wanting.isEmpty()) {
                String account = wanting.get(random.nextInt(wanting.size()));
                String steps = Integer.toString(random.nextInt(LEAST_STEPS, MOST_STEPS));
                Job job = scene.submit(scene.program("tally.py", "64", steps, "100").setMemoryBytes(256L << 20).setCpuMillis(half).setAccount(account).setUserName("u"));
                jobs.add(job);
                open.get(account).add(job);
            }
            // Arrivals are a matter of time; what is waited for is the next one.
            long next = System.nanoTime() + Duration.ofMillis(random.nextInt(200, 3_000)).toNanos();
            await().atMost(Duration.ofSeconds(10)).until(() -> System.nanoTime() >= Math.min(next, end));
            open.values().forEach(list -> list.removeIf(job -> scene.job(job.getId()).getState() == JobState.EXITED));
        }
        return jobs;
    }
}
