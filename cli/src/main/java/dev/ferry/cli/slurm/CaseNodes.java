package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.tres.Tres;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The nodes of a case, if it has them: lines of {@code scontrol show node} or of slurm.conf. */
final class CaseNodes {
    private static final Pattern LIST = Pattern.compile("\\[([^\\]]*)\\]");
    private static final Pattern GRES = Pattern.compile("([A-Za-z_]\\w*)(?::([A-Za-z_][\\w.-]*))?:(\\d+)");

    private final CaseFile file;

    CaseNodes(CaseFile file) {
        this.file = file;
    }

    /** All that they have. */
    Tres tres() {
        Map<String, Long> sum = new TreeMap<>();
        for (JsonNode line : file.array("nodes")) {
            Map<String, String> fields = CaseFile.pairs(line.asText());
            String name = fields.get("NodeName");
            if (name == null) {
                throw file.wrong("has a node without NodeName: '" + line.asText() + "'");
            }
            if (name.equalsIgnoreCase("DEFAULT")) {
                continue;
            }
            long count = count(name);
            of(name, fields).forEach((resource, amount) -> sum.merge(resource, amount * count, Long::sum));
            sum.merge(Tres.NODE, count, Long::sum);
        }
        return Tres.of(sum);
    }

    private Tres of(String name, Map<String, String> fields) {
        String configured = fields.get("CfgTRES");
        if (configured != null) {
            return file.tres(configured, "node " + name + " with a CfgTRES");
        }
        long cores = number(name, fields, "Sockets", 1) * number(name, fields, "CoresPerSocket", 1) * number(name, fields, "ThreadsPerCore", 1);
        Map<String, Long> amounts = new TreeMap<>();
        amounts.put(Tres.CPU, number(name, fields, "CPUTot", number(name, fields, "CPUs", cores)));
        amounts.put(Tres.MEMORY, number(name, fields, "RealMemory", 1));
        Matcher gres = GRES.matcher(fields.getOrDefault("Gres", ""));
        while (gres.find()) {
            String kind = "gres/" + gres.group(1);
            long amount = file.whole(gres.group(3), "node " + name + "'s Gres");
            amounts.merge(kind, amount, Long::sum);
            if (gres.group(2) != null) {
                amounts.merge(kind + ":" + gres.group(2), amount, Long::sum);
            }
        }
        return Tres.of(amounts);
    }

    private long number(String name, Map<String, String> fields, String key, long without) {
        return fields.containsKey(key) ? file.whole(fields.getOrDefault(key, ""), "node " + name + "'s " + key) : without;
    }

    /** How many nodes a name such as {@code n[01-08,11]} stands for. */
    private long count(String name) {
        long count = 1;
        Matcher lists = LIST.matcher(name);
        while (lists.find()) {
            long listed = 0;
            for (String part : lists.group(1).split(",")) {
                String[] ends = part.split("-", 2);
                long first = file.whole(ends[0], "the first of the nodes " + name);
                listed += file.whole(ends[ends.length - 1], "the last of the nodes " + name) - first + 1;
            }
            count *= listed;
        }
        return count;
    }
}
