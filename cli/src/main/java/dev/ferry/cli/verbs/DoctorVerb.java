package dev.ferry.cli.verbs;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.ferry.cli.cluster.CleanEnd;
import dev.ferry.common.Configs;
import dev.ferry.node.NodeConfig;
import dev.ferry.node.doctor.Check;
import dev.ferry.node.doctor.Doctor;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry doctor}. */
@Command(
        name = "doctor",
        description = "Says what this machine can do as a node and what it lacks; exit status 0 only if jobs can be saved and restored here.",
        footer = {"", "Example:", "  ferry doctor --config /etc/ferry/node.yaml"})
public final class DoctorVerb implements Callable<Integer> {
    @Option(names = "--config", paramLabel = "FILE", description = "The node's configuration; else the defaults.")
    private @Nullable Path config;

    @Option(names = {"-o", "--output"}, paramLabel = "FORMAT", description = "table or json.", defaultValue = "table")
    private ServerOption.Output output = ServerOption.Output.table;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        NodeConfig settings = config == null ? NodeConfig.defaults() : Configs.load(config, NodeConfig.defaults());
        List<Check> checks;
        // The small job of its last check runs until it is ended.
        try (CleanEnd end = CleanEnd.interrupting()) {
            checks = Doctor.run(settings);
        }
        boolean fit = checks.stream().noneMatch(check -> check.status() == Check.Status.MISSING);
        if (output == ServerOption.Output.json) {
            System.out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(Map.of("fit", fit, "checks", checks)));
        } else {
            for (Check check : checks) {
                System.out.println(String.format(Locale.ROOT, "%-8s %-14s %s", check.status(), check.name(), check.found()));
                if (!check.advice().isEmpty()) {
                    System.out.println("         " + " ".repeat(14) + " what to do: " + check.advice());
                }
            }
            System.out.println(fit ? "jobs can be saved and restored here" : "jobs can NOT be saved and restored here");
        }
        return fit ? 0 : 1;
    }
}
