package dev.ferry.scheduling.tres;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.util.Collections;
import java.util.Locale;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one of each resource counts: TRESBillingWeights of a partition, or PriorityWeightTRES. A weight of memory may be given for a larger unit: {@code Mem=0.25G} is 0.25 for each GiB.
 *
 * @param byName in Slurm's order; memory for each MiB
 * @see <a href="https://slurm.schedmd.com/tres.html">Slurm: Trackable RESources</a>
 */
public record TresWeights(SortedMap<String, Double> byName) {
    public static final TresWeights NONE = new TresWeights(new TreeMap<>());

    private static final Pattern WEIGHT = Pattern.compile("([a-z][a-z0-9_/:.-]*)=(-?(?:\\d+\\.?\\d*|\\.\\d+))([KMGTP]?)", Pattern.CASE_INSENSITIVE);
    private static final Set<String> OF_A_NODE = Set.of(Tres.CPU, Tres.MEMORY, Tres.NODE);
    private static final String GRES = "gres/";

    public TresWeights {
        SortedMap<String, Double> sorted = new TreeMap<>(Tres.ORDER);
        sorted.putAll(byName);
        byName = Collections.unmodifiableSortedMap(sorted);
    }

    /**
     * Reads for example {@code CPU=1.0,Mem=0.25G,GRES/gpu=16}; empty and (null) are no weights.
     *
     * @throws FerryException INVALID_ARGUMENT, naming the part that can't be read
     */
    public static TresWeights parse(String text) {
        SortedMap<String, Double> weights = new TreeMap<>(Tres.ORDER);
        for (String part : text.equals("(null)") ? new String[0] : text.split(",")) {
            if (part.isBlank()) {
                continue;
            }
            Matcher matcher = WEIGHT.matcher(part.trim());
            if (!matcher.matches()) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + part.trim() + "' in '" + text + "' is not a weight of a resource; write for example CPU=1.0,Mem=0.25G,GRES/gpu=16");
            }
            String name = matcher.group(1).toLowerCase(Locale.ROOT);
            weights.put(name, Double.parseDouble(matcher.group(2)) / Tres.scale(name, matcher.group(3)));
        }
        return new TresWeights(weights);
    }

    /**
     * The same for TRESBillingWeights. PriorityWeightTRES may take points away; a bill is added to use, which is never below zero and never endless.
     *
     * @throws FerryException INVALID_ARGUMENT, also for a weight below zero or of too many digits, which it names
     */
    public static TresWeights parseBilling(String text) {
        TresWeights weights = parse(text);
        weights.byName().forEach(
                (name, weight) -> {
                    if (weight < 0 || !Double.isFinite(weight)) {
                        throw new FerryException(ErrorCode.INVALID_ARGUMENT, "the weight of " + name + " in '" + text + "' must be 0 or more, and a number that can be counted with");
                    }
                });
        return weights;
    }

    /** What a second of these resources is billed with. Billing itself is never a part of it. */
    public double bill(Tres tres, BillingMode mode) {
        double sum = 0;
        double most = 0;
        for (var weight : byName.entrySet()) {
            String name = weight.getKey();
            double value = tres.get(name) * weight.getValue();
            boolean largestCounts =
                    switch (mode) {
                        case SUM -> false;
                        case MAX_TRES -> OF_A_NODE.contains(name) || name.startsWith(GRES);
                        case MAX_TRES_GRES -> OF_A_NODE.contains(name);
                    };
            if (name.equals(Tres.BILLING)) {
                continue;
            }
            if (largestCounts) {
                most = Math.max(most, value);
            } else {
                sum += value;
            }
        }
        return most + sum;
    }
}
