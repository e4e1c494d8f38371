package dev.ferry.coordinator.scheduling;

import static dev.ferry.coordinator.scheduling.PassDeciderTest.A;
import static dev.ferry.coordinator.scheduling.PassDeciderTest.B;
import static dev.ferry.coordinator.scheduling.PassDeciderTest.cluster;
import static dev.ferry.coordinator.scheduling.PassDeciderTest.demand;
import static dev.ferry.coordinator.scheduling.PassDeciderTest.runs;
import static dev.ferry.coordinator.scheduling.PassDeciderTest.waits;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassRunning;
import dev.ferry.proto.v1.PassWaiting;
import dev.ferry.proto.v1.PreemptionVerdict;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What making room costs; what is decided is in {@link PassDeciderTest}. */
class PassPreemptionTest {
    /** Who may take from nobody, whoever it is, costs no look at all jobs: that is most of a long queue, and everybody waits for the look. */
    @Test
    void howOftenRunningJobsAreLookedThroughDoesNotFollowTheQueue() {
        assertThat(looksThroughRunning(10)).isEqualTo(looksThroughRunning(300));
    }

    /** Jobs of the account that holds all there is, and young ones of the other. */
    private static int looksThroughRunning(int queue) {
        PassInput.Builder input = cluster(1, 8, 0);
        input.getPolicyBuilder().setDelay(5000);
        List<WaitingJob> still = new ArrayList<>();
        for (int at = 0; at < queue; at++) {
            PassWaiting.Builder one = waits(input, "w" + at, at % 2 == 0 ? A : B, 0, 1, 0);
            still.add(new WaitingJob(at + 1L, at % 2 == 0 ? 2 : 4, 0, one.getSince(), PassDecider.demand(one.getDemand()), WaitingJob.UNKNOWN));
        }
        for (int at = 0; at < 8; at++) {
            PassRunning.Builder ignored = runs(input, "r" + at, A, 0, 1, 0);
        }
        Looked running = new Looked();
        for (int at = 0; at < 8; at++) {
            running.add(new RunningJob(at, 2, PassDecider.demand(demand(1, 0)), new int[] {0}, 1000, WaitingJob.UNKNOWN, 10, 0, 0, true));
        }
        AccountTree tree =
                AccountTree.of(
                        List.of(
                                new Association(1, 0, "root", null, 1, null), new Association(2, 1, "a", null, 1, null), new Association(A, 2, "a", "u", 1, null),
                                new Association(4, 1, "b", null, 1, null), new Association(B, 4, "b", "u", 1, null)));
        PassInput all = input.build();
        List<PreemptionVerdict> verdicts = new PassPreemption(all, tree, PassDecider.room(all), running, List.of(), still, Optional.empty()).decide();
        assertThat(verdicts).isNotEmpty().noneMatch(PreemptionVerdict::getPreempts);
        return running.looks;
    }

    /** Counts how often all of it is looked through. */
    private static final class Looked extends AbstractList<RunningJob> {
        private final List<RunningJob> jobs = new ArrayList<>();
        private int looks;

        @Override
        public RunningJob get(int at) {
            return jobs.get(at);
        }

        @Override
        public int size() {
            return jobs.size();
        }

        @Override
        public boolean add(RunningJob job) {
            return jobs.add(job);
        }

        @Override
        public Iterator<RunningJob> iterator() {
            looks++;
            return jobs.iterator();
        }

        @Override
        public Stream<RunningJob> stream() {
            looks++;
            return jobs.stream();
        }
    }
}
