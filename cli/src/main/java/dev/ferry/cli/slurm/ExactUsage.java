package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.tres.BillingMode;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import dev.ferry.scheduling.usage.Decay;
import dev.ferry.scheduling.usage.Extended;
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
        file.array("partitions").forEach(line -> weights.add(file.weights(CaseFile.pairs(line.asText()).getOrDefault("TRESBillingWeights", ""), "a partition with TRESBillingWeights")));
        file.array("qos").forEach(qos -> factors.add(qos.path("UsageFactor").asDouble(1)));
    }

    /** Of a row of the state file. */
    Extended of(JsonNode row) {
        String text = file.text(row, "usage_raw", "a row of leaf_usage_state_file");
        String where = "association " + row.path("assoc_id").asText() + " in leaf_usage_state_file";
        Extended written = file.use(text, where);
        Map<String, String> resources = resources(row.path("usage_tres_raw_by_tres_id").asText(""));
        String nodeSeconds = resources.get(NODES);
        if (nodeSeconds == null || written.isZero()) {
            return written;
        }
        resources.values().forEach(value -> file.use(value, where));
        double node = Double.parseDouble(nodeSeconds);
        if (node == 0) {
            return written;
        }
        long least = (long) Math.ceil(node);
        for (long seconds = least; seconds <= least + LONGEST_GUESS; seconds++) {
            Extended exact = explain(text, resources, seconds, seconds / node, true);
            if (!exact.isZero()) {
                return exact;
            }
        }
        Extended near = explain(text, resources, least, least / node, false);
        return near.isZero() ? written : near;
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

    /**
     * The use, if one job of so many seconds on one node explains the row; else zero.
     *
     * @param whole whether what is left must be a second's to a whole power. If the half-life was changed since, there is no such power: what the digits of the resource of which most was used say is then
     *     nearer to it than those of a use that is smaller. So many seconds don't matter there, since what is left is less by as much as they are more
     */
    private Extended explain(String usage, Map<String, String> resources, long seconds, double undecay, boolean whole) {
        Map<String, Long> amounts = new LinkedHashMap<>();
        double part = 0;
        long most = 0;
        for (Map.Entry<String, String> resource : resources.entrySet()) {
            double value = Double.parseDouble(resource.getValue());
            long total = Math.round(value * undecay / seconds) * seconds;
            amounts.put(NAMES.getOrDefault(resource.getKey(), ""), total / seconds);
            if (total > most) {
                most = total;
                part = value / total;
            }
        }
        if (most == 0) {
            return Extended.ZERO;
        }
        double left = part;
        if (whole) {
            double power = Math.log(part) / Math.log(decay.perSecond());
            if (!(Math.abs(power - Math.round(power)) <= WHOLE)) {
                return Extended.ZERO;
            }
            left = decay.after(Math.round(power));
        } else if (most * part <= Double.parseDouble(usage)) {
            return Extended.ZERO;
        }
        for (Map.Entry<String, String> resource : resources.entrySet()) {
            long total = amounts.getOrDefault(NAMES.getOrDefault(resource.getKey(), ""), 0L) * seconds;
            if (!SlurmText.fixed(total * left, 6).equals(resource.getValue())) {
                return Extended.ZERO;
            }
        }
        Tres tres = Tres.of(amounts);
        for (TresWeights weight : weights) {
            for (BillingMode mode : BillingMode.values()) {
                for (double factor : factors) {
                    double exact = weight.bill(tres, mode) * seconds * factor * left;
                    if (SlurmText.fixed(exact, 6).equals(usage)) {
                        return Extended.of(exact);
                    }
                }
            }
        }
        return Extended.ZERO;
    }
}
