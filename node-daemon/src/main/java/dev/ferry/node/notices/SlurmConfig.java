package dev.ferry.node.notices;

import java.util.ArrayList;
import java.util.List;

/**
 * Slurm, whose daemon runs on the same machine.
 *
 * @param node its name there; empty: Slurm is not asked
 * @param scontrol the program, by name or path
 */
public record SlurmConfig(String node, String scontrol) {
    static SlurmConfig defaults() {
        return new SlurmConfig("", "scontrol");
    }

    /** One line for each problem, each beginning with the key. */
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (!node.matches("[A-Za-z0-9._-]{0,253}")) {
            problems.add("node: '" + node + "' must be letters, digits, '.', '_' and '-'");
        }
        if (scontrol.isBlank()) {
            problems.add("scontrol: must name a program");
        }
        return problems;
    }
}
