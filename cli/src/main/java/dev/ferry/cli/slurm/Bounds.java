package dev.ferry.cli.slurm;

/** What lies between two numbers, both included. */
record Bounds(double low, double high) {
    static final Bounds ALL = new Bounds(0, Double.POSITIVE_INFINITY);

    private static final double ROUNDING = 1e-9;

    Bounds and(Bounds other) {
        return and(other.low, other.high);
    }

    Bounds and(double from, double to) {
        return new Bounds(Math.max(low, from), Math.min(high, to));
    }

    boolean isEmpty() {
        return low > high;
    }

    boolean contains(double number) {
        return number >= low * (1 - ROUNDING) && number <= high * (1 + ROUNDING);
    }

    /** The roundest whole number in what is left; 0 if it has no end. */
    long whole() {
        if (high == Double.POSITIVE_INFINITY) {
            return 0;
        }
        for (long step = (long) Math.pow(10, Math.floor(Math.log10(Math.max(1, high)))); step > 1; step /= 10) {
            long round = (long) Math.ceil(low / step) * step;
            if (round <= high && round > 0) {
                return round;
            }
        }
        return Math.round(low == 0 ? high : (low + high) / 2);
    }
}
