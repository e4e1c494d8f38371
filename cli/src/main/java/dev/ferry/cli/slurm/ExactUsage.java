package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.tres.BillingMode;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import dev.ferry.scheduling.usage.Decay;
import dev.ferry.scheduling.usage.Extended;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The use that slurmctld had in memory, from what it wrote to its state file, which cuts it to six decimals: too few for a small use, whose level (shares / use) is printed with more digits than that.
 *
 * <p>If one job made all the use of an association, then each of its resources is a whole number (amount times seconds) times one decay, what is left of a second to the power of a whole number of seconds.
 * The row holds several resources, some with many digits: they give that power, and a partition's billing weights give the use before the decay. It is taken only if it explains every digit of the row;
 * else the six decimals are what is known.
 */
final class ExactUsage {
    private static final String NODES = "4";
    private static final int LONGEST_GUESS = 64;
    private static final double WHOLE = 0.01;
    private static final Map<String, String> NAMES = Map.of("1", Tres.CPU, "2", Tres.MEMORY, NODES, Tres.NODE, "1001", Tres.GPU);

    private final CaseFile file;
    private final Decay decay;
    private final List<TresWeights> weights = new ArrayList<>();
    private final List<Double> factors = new ArrayList<>();

    ExactUsage(CaseFile file) {
        this.file = file;
        decay = file.decay();
        file.list("partitions").forEach(line -> weights.add(TresWeights.parse(CaseFile.pairs(line.asText()).getOrDefault("TRESBillingWeights", ""))));
        file.list("qos").forEach(qos -> factors.add(qos.path("UsageFactor").asDouble(1)));
    }

    /** Of a row of the state file. */
    Extended of(JsonNode row) {
        String text = file.text(row, "usage_raw", "a row of leaf_usage_state_file");
        Extended written = Extended.of(decimal(text));
        Map<String, String> resources = resources(row.path("usage_tres_raw_by_tres_id").asText(""));
        String nodeSeconds = resources.get(NODES);
        if (nodeSeconds == null || decay.perSecond() == 1 || written.isZero()) {
            return written;
        }
        double node = decimal(nodeSeconds).doubleValue();
        for (long seconds = (long) Math.ceil(node); seconds <= Math.ceil(node) + LONGEST_GUESS && node > 0; seconds++) {
            Extended exact = explain(text, resources, seconds, seconds / node);
            if (!exact.isZero()) {
                return exact;
            }
        }
        return written;
    }

    private BigDecimal decimal(String text) {
        try {
            BigDecimal number = new BigDecimal(text);
            if (number.signum() >= 0) {
                return number;
            }
        } catch (NumberFormatException unreadable) {
            // Named below, as is a number below zero.
        }
        throw file.wrong("has use '" + text + "' in leaf_usage_state_file, which is not a number of 0 or more");
    }

    private static Map<String, String> resources(String text) {
        Map<String, String> resources = new LinkedHashMap<>();
        for (String part : text.split(",")) {
            int equals = part.indexOf('=');
            if (equals > 0 && NAMES.containsKey(part.substring(0, equals))) {
                resources.put(part.substring(0, equals), part.substring(equals + 1));
            }
        }
        return resources;
    }

    /** The use, if one job of so many seconds on one node explains the row; else zero. */
    private Extended explain(String usage, Map<String, String> resources, long seconds, double undecay) {
        Map<String, Long> amounts = new LinkedHashMap<>();
        double power = 0;
        long most = 0;
        for (Map.Entry<String, String> resource : resources.entrySet()) {
            double value = decimal(resource.getValue()).doubleValue();
            long total = Math.round(value * undecay / seconds) * seconds;
            amounts.put(NAMES.getOrDefault(resource.getKey(), ""), total / seconds);
            if (total > most) {
                most = total;
                power = Math.log(value / total) / Math.log(decay.perSecond());
            }
        }
        long whole = Math.round(power);
        if (most == 0 || Math.abs(power - whole) > WHOLE) {
            return Extended.ZERO;
        }
        double left = decay.after(whole);
        for (Map.Entry<String, String> resource : resources.entrySet()) {
            long total = amounts.getOrDefault(NAMES.getOrDefault(resource.getKey(), ""), 0L) * seconds;
            if (!SlurmText.fixed(total * left, 6).equals(resource.getValue())) {
                return Extended.ZERO;
            }
        }
        Tres tres = Tres.of(amounts);
        for (TresWeights weight : weights) {
            for (double factor : factors) {
                double exact = weight.bill(tres, BillingMode.SUM) * seconds * factor * left;
                if (SlurmText.fixed(exact, 6).equals(usage)) {
                    return Extended.of(exact);
                }
            }
        }
        return Extended.ZERO;
    }
}
