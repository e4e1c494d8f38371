package dev.ferry.scheduling.priority;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A cluster of 4 nodes and 64 CPUs; one day of waiting counts most. */
class MultifactorTest {
    private static final PriorityScale SCALE = new PriorityScale(4, 64, 50, 40, 100);
    private static final Tres ALL = Tres.parse("cpu=64,mem=64000M,gres/gpu=8");
    private static final long NOW = 1_000_000;

    private static PriorityPolicy policy(boolean small, PriorityFlag... flags) {
        return new PriorityPolicy(1000, 500, 100_000, 2000, 3000, 4000, TresWeights.parse("CPU=700,GRES/gpu=5000"), 86_400, small, Set.of(flags));
    }

    private static PriorityJob job(long nodes, long cpus, long minutes, long nice) {
        return new PriorityJob(NOW - 86_400, NOW - 43_200, nodes, cpus, minutes, Tres.parse("cpu=" + cpus + ",gres/gpu=2"), ALL, 0.75, 10, 20, 30, 5, nice);
    }

    private static Factors factors(PriorityJob job, PriorityPolicy policy) {
        return Multifactor.of(job, policy, SCALE, NOW);
    }

    @Test
    void addsWhatEachFactorIsWorth() {
        Factors points = factors(job(2, 16, 60, 100), policy(false)).times(policy(false));
        // age 1/2, association 10/50, size (2/4 + 16/64) / 2, partition 20/40, QoS 30/100, a quarter of the CPUs and of the GPUs
        assertThat(points.age()).isEqualTo(500);
        assertThat(points.association()).isEqualTo(100);
        assertThat(points.jobSize()).isEqualTo(750);
        assertThat(points.partition()).isEqualTo(1500);
        assertThat(points.qos()).isEqualTo(1200);
        assertThat(points.tres()).containsEntry("cpu", 175.0).containsEntry("gres/gpu", 1250.0).hasSize(2);
        assertThat(points.priority()).isEqualTo(500 + 100 + 75_000 + 750 + 1500 + 1200 + 175 + 1250 + 5 - 100);
    }

    @Test
    void jobSizeFavoursLargeOrSmall() {
        assertThat(factors(job(2, 16, 60, 0), policy(true)).jobSize()).isEqualTo((0.5 + 0.75) / 2);
        assertThat(factors(job(9, 640, 60, 0), policy(false)).jobSize()).isEqualTo(1);
        assertThat(factors(job(9, 640, 60, 0), policy(true)).jobSize()).isZero();
        // More nodes than there are: nothing for nodes, and that doesn't eat what there is for CPUs.
        assertThat(factors(job(9, 16, 60, 0), policy(true)).jobSize()).isEqualTo(0.75 / 2);
    }

    @Test
    void jobSizeMayBeRelativeToTheTimeLimit() {
        // 2 of 4 nodes are 32 CPUs, more than the 16 asked for; for each of 10 minutes 3.2 of 64.
        assertThat(factors(job(2, 16, 10, 0), policy(false, PriorityFlag.SMALL_RELATIVE_TO_TIME)).jobSize()).isEqualTo(0.05);
        assertThat(factors(job(2, 16, 10, 0), policy(true, PriorityFlag.SMALL_RELATIVE_TO_TIME)).jobSize()).isEqualTo(0.95);
        assertThat(factors(job(2, 16, PriorityJob.UNLIMITED, 0), policy(false, PriorityFlag.SMALL_RELATIVE_TO_TIME)).jobSize()).isLessThan(1e-8);
    }

    @Test
    void flagsTakeTheNumbersThemselves() {
        Factors factors = factors(job(1, 16, 1, 0), policy(false, PriorityFlag.NO_NORMAL_ASSOC, PriorityFlag.NO_NORMAL_PART, PriorityFlag.NO_NORMAL_QOS, PriorityFlag.NO_NORMAL_TRES, PriorityFlag.ACCRUE_ALWAYS));
        assertThat(factors.association()).isEqualTo(10);
        assertThat(factors.partition()).isEqualTo(20);
        assertThat(factors.qos()).isEqualTo(30);
        assertThat(factors.tres()).containsEntry("cpu", 16.0);
        assertThat(factors.age()).isEqualTo(1);
    }

    @Test
    void aJobThatIsNotHeldHasAtLeastOneAndAtMostWhat32BitsHold() {
        assertThat(factors(job(1, 1, 1, 1_000_000), policy(false)).times(policy(false)).priority()).isEqualTo(1);
        assertThat(factors(job(1, 1, 1, -5_000_000_000L), policy(false)).times(policy(false)).priority()).isEqualTo(4_294_967_295L);
    }
}
