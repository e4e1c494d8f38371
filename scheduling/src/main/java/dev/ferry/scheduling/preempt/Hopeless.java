package dev.ferry.scheduling.preempt;

import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Remembers, during one look at the queue, for whom no room could be made: for those alike there is none either, since what is free and may be taken only shrinks. In a long queue few jobs differ in what
 * matters here, and each decision looks at every node.
 *
 * <p>Only of use with {@link PreemptionPolicy#foresight}; without, each job is decided by itself, as it was when there was no such thing, so that old records give what they gave.
 */
public final class Hopeless {
    private final PreemptionPolicy policy;
    private final Map<Like, Decision.Keep> known = new HashMap<>();

    /** What decides, beside times: who may be asked for room, and for how much. */
    private record Like(int account, Object rights, Demand demand) {}

    public Hopeless(PreemptionPolicy policy) {
        this.policy = policy;
    }

    /**
     * What would be decided for a job.
     *
     * @param rights those with other rights find other victims
     */
    public Optional<Decision.Keep> known(WaitingJob job, Object rights) {
        Decision.Keep keep = known.get(new Like(job.account(), rights, job.demand()));
        if (keep == null || job.since() < keep.job().since() || job.seconds() > keep.job().seconds()) {
            return Optional.empty();
        }
        return Optional.of(new Decision.Keep(job, keep.why()));
    }

    /** Remembers it if it holds for others alike. */
    public void learn(Decision.Keep keep, Object rights) {
        if (!policy.foresight()) {
            return;
        }
        switch (keep.why()) {
            case NO_VICTIMS, TOO_DEAR, OVER_BUDGET, HAS_ROOM -> known.put(new Like(keep.job().account(), rights, keep.job().demand()), keep);
            case NOT_DUE, LACKS_LITTLE, TOO_SOON -> {}
        }
    }
}
