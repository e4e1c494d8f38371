package dev.ferry.scheduling.fresh;

import java.time.Duration;
import java.util.Optional;

/**
 * When a job's next image is due.
 *
 * @param mode who decides
 * @param every with {@link Mode#EVERY}: the time between two images
 * @param mostFrozen which share of its time the job may stand still for images, above 0 and at most 1
 */
public record FreshPolicy(Mode mode, Duration every, double mostFrozen) {
    /** A share that nobody notices. */
    public static final double USUAL_SHARE = 0.03;

    /** Who decides. */
    public enum Mode {
        /** No images but those that are asked for. */
        NEVER,
        /** In fixed times. */
        EVERY,
        /** By cost and hazard. */
        AUTO
    }

    public FreshPolicy {
        if (!(mostFrozen > 0) || mostFrozen > 1 || every.isNegative() || (mode == Mode.EVERY && every.isZero())) {
            throw new IllegalArgumentException("no policy: " + mode + ", " + every + ", " + mostFrozen);
        }
    }

    /** No images but those that are asked for. */
    public static FreshPolicy never() {
        return new FreshPolicy(Mode.NEVER, Duration.ZERO, USUAL_SHARE);
    }

    /** By cost and hazard. */
    public static FreshPolicy auto() {
        return new FreshPolicy(Mode.AUTO, Duration.ZERO, USUAL_SHARE);
    }

    /** In fixed times. */
    public static FreshPolicy every(Duration time) {
        return new FreshPolicy(Mode.EVERY, time, USUAL_SHARE);
    }

    /**
     * What is known of a job and its node.
     *
     * @param cost how long the job stands still for an image
     * @param meanTime between interruptions that cost work
     * @param changedBytesPerSecond how fast the job makes what is not in its last image; 0: not known
     * @param notice how long before its end a machine of the pool is told; zero: it is not
     */
    public record Facts(Duration cost, Duration meanTime, double changedBytesPerSecond, double linkBytesPerSecond, Duration notice, Duration margin) {}

    /**
     * How often, and why.
     *
     * @param interval from the end of one image to the begin of the next
     * @param why which rule decided, for people
     */
    public record Interval(Duration interval, String why) {}

    /** How often an image is made; empty: never. */
    public Optional<Interval> interval(Facts facts) {
        return switch (mode) {
            case NEVER -> Optional.empty();
            case EVERY -> Optional.of(notTooOften(new Interval(every, "as asked for"), facts));
            case AUTO -> Optional.of(notTooOften(auto(facts), facts));
        };
    }

    private static Interval auto(Facts facts) {
        Interval daly = new Interval(Daly.interval(atLeastSomething(facts.cost()), facts.meanTime()), "the least work is lost (Daly)");
        return deltaBudget(facts).filter(budget -> budget.interval().compareTo(daly.interval()) < 0).orElse(daly);
    }

    /** What changed must still fit into the time between notice and end: then a told interruption costs nothing. */
    private static Optional<Interval> deltaBudget(Facts facts) {
        Duration usable = facts.notice().minus(facts.margin());
        if (facts.changedBytesPerSecond() <= 0 || usable.isNegative() || usable.isZero()) {
            return Optional.empty();
        }
        double seconds = facts.linkBytesPerSecond() * usable.toMillis() / 1000.0 / facts.changedBytesPerSecond();
        // A job that changes so little always fits.
        boolean everFits = seconds > Duration.ofDays(30).toSeconds();
        return everFits ? Optional.empty() : Optional.of(new Interval(Duration.ofMillis(Math.round(seconds * 1000)), "what changed must fit into the notice"));
    }

    private Interval notTooOften(Interval wanted, Facts facts) {
        Duration least = Duration.ofNanos(Math.round(facts.cost().toNanos() * (1 / mostFrozen - 1)));
        return wanted.interval().compareTo(least) >= 0 ? wanted : new Interval(least, "oftener would freeze it for more than " + Math.round(mostFrozen * 1000) / 10.0 + " % of its time");
    }

    private static Duration atLeastSomething(Duration cost) {
        return cost.compareTo(Duration.ofMillis(1)) < 0 ? Duration.ofMillis(1) : cost;
    }
}
