package dev.ferry.scheduling.simulate;

import dev.ferry.scheduling.fairshare.FairsharePolicy;
import dev.ferry.scheduling.pass.Packing;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.usage.Decay;
import org.jspecify.annotations.Nullable;

/**
 * How a simulated cluster decides.
 *
 * @param name for the table
 * @param fair whether the queue goes by fairshare, else by age
 * @param preemption null for none
 * @param saved whether a preempted job keeps its work, else it begins anew
 * @param dumpSeconds for which a preempted job still holds its GPUs while it is saved
 * @param restoreSeconds for which it holds them again before it goes on
 */
public record SimulationPolicy(
        String name, boolean fair, @Nullable PreemptionPolicy preemption, boolean saved, long dumpSeconds, long restoreSeconds, Decay decay, FairsharePolicy fairshare, Packing packing, long tick) {}
