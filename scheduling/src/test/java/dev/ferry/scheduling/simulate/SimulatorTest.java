package dev.ferry.scheduling.simulate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.ferry.scheduling.Trees;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.fairshare.FairsharePolicy;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Packing;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.usage.Decay;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SimulatorTest {
    private static final AccountTree TREE = new Trees().account("a", "root", 1).account("b", "root", 1).user("x", "a", 1, 0).user("y", "b", 1, 0).usage().tree();
    private static final int X = TREE.find("a", "x").getAsInt();
    private static final int Y = TREE.find("b", "y").getAsInt();
    private static final Demand FOUR = new Demand(1, 4000, 4000, 4, 0);

    private static SimulationPolicy policy(@Nullable PreemptionPolicy preemption, boolean saved) {
        return new SimulationPolicy("p", true, preemption, saved, 20, 30, Decay.ofHalfLife(86_400), FairsharePolicy.fairTree(), Packing.PACK, 60);
    }

    private static Report play(List<SimulatedJob> trace, SimulationPolicy policy) {
        return Simulator.run(TREE, Room.of(1, 8000, 8000, 8), trace, policy);
    }

    /** a's two jobs fill the node for 1000 s each; at 500, b wants half of it for 100 s. */
    private static final List<SimulatedJob> TRACE = List.of(new SimulatedJob(1, X, 0, 1000, FOUR), new SimulatedJob(2, X, 0, 1000, FOUR), new SimulatedJob(3, Y, 500, 100, FOUR));

    /** The same with a job at the end: what is due counts until the last submission. */
    private static final List<SimulatedJob> TRACE_THAT_GOES_ON = List.of(TRACE.get(0), TRACE.get(1), TRACE.get(2), new SimulatedJob(4, X, 2000, 10, FOUR));

    @Test
    void withoutPreemptionBWaits() {
        Report report = play(TRACE, policy(null, true));
        assertThat(report.preemptions()).isZero();
        assertThat(report.seconds()).isEqualTo(1100);
        assertThat(report.meanWait()).isCloseTo(500 / 3.0, within(1e-9));
    }

    @Test
    void aKilledVictimBeginsAnew() {
        List<SimulatedJob> trace = List.of(TRACE.get(0), TRACE.get(1), new SimulatedJob(3, Y, 400, 100, FOUR));
        Report report = play(trace, policy(PreemptionPolicy.naive(), false));
        assertThat(report.preemptions()).isEqualTo(1);
        assertThat(report.lostHours()).isCloseTo(400 * 4 / 3600.0, within(1e-9));
        // b from 400 to 500; the victim from 500 for another 1000.
        assertThat(report.seconds()).isEqualTo(1500);
        assertThat(report.jobs()).isEqualTo(3);
    }

    @Test
    void aSavedVictimGoesOnWhereItWas() {
        Report report = play(TRACE, policy(PreemptionPolicy.naive(), true));
        assertThat(report.lostHours()).isZero();
        // Saved until 520, b until 620, brought back until 650, its other 500 s until 1150.
        assertThat(report.seconds()).isEqualTo(1150);
        assertThat(report.movingHours()).isCloseTo((20 + 30) * 4 / 3600.0, within(1e-9));
        assertThat(report.mostHitsInAnHour()).isEqualTo(1);
    }

    @Test
    void aMadeUpDayIsTheSameEachTimeAndLosesNothingWhenJobsAreSaved() {
        int[] users = {X, Y};
        List<SimulatedJob> trace = TraceGenerator.make(TraceProfile.philly(), 7, 300, users, new double[] {1, 1}, 86_400, 32, 1.0);
        assertThat(TraceGenerator.make(TraceProfile.philly(), 7, 300, users, new double[] {1, 1}, 86_400, 32, 1.0)).isEqualTo(trace);
        List<SimulatedJob> fitting = trace.stream().filter(job -> job.demand().nodes() <= 4).toList();
        Report saved = Simulator.run(TREE, Room.of(4, 96_000, 1 << 20, 8), fitting, policy(PreemptionPolicy.gentle(), true));
        Report again = Simulator.run(TREE, Room.of(4, 96_000, 1 << 20, 8), fitting, policy(PreemptionPolicy.gentle(), true));
        Report killed = Simulator.run(TREE, Room.of(4, 96_000, 1 << 20, 8), fitting, policy(PreemptionPolicy.naive(), false));
        assertThat(saved.preemptions()).isEqualTo(again.preemptions());
        assertThat(saved.moves()).isPositive().isEqualTo(again.moves());
        assertThat(killed.moves()).isZero();
        assertThat(saved.meanCompletion()).isEqualTo(again.meanCompletion());
        assertThat(saved.jobs()).isEqualTo(fitting.size()).isEqualTo(killed.jobs());
        assertThat(saved.lostHours()).isZero();
        assertThat(killed.lostHours()).isPositive();
        assertThat(saved.mostHitsInAnHour()).isLessThanOrEqualTo(1);
    }

    @Test
    void whatIsNotMetIsDueToTheGuardThatHolds() {
        Report kept = Simulator.run(TREE, Room.of(1, 8000, 8000, 8), TRACE_THAT_GOES_ON, policy(null, true), true);
        assertThat(kept.unmetBy()).containsOnlyKeys(UnmetCause.NO_PREEMPTION);
        Report delayed = Simulator.run(TREE, Room.of(1, 8000, 8000, 8), TRACE_THAT_GOES_ON, policy(PreemptionPolicy.naive().withRests(600, 0), true), true);
        assertThat(delayed.unmetBy()).containsOnlyKeys(UnmetCause.MINIMUM_RUN);
        assertThat(delayed.unmetBy().values().stream().mapToDouble(Double::doubleValue).sum()).isCloseTo(delayed.unmetShare(), within(1e-9));
        assertThat(delayed.unmetShare()).isPositive().isLessThan(kept.unmetShare());
        assertThat(Simulator.run(TREE, Room.of(1, 8000, 8000, 8), TRACE_THAT_GOES_ON, policy(null, true)).unmetBy()).isEmpty();
    }
}
