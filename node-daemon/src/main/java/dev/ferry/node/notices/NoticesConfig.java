package dev.ferry.node.notices;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * Where a node's daemon looks for the word that its machine goes away.
 *
 * @param sources auto (by what the firmware says the machine is), or some of aws, gcp and azure, separated by commas; empty: no cloud is asked
 * @param poll how long between two looks at a source that can't wait by itself
 * @param awsEndpoint address of the Instance Metadata Service
 * @param gcpEndpoint address of the metadata server
 * @param azureEndpoint address of the Instance Metadata Service
 * @param azureAcknowledge whether Azure is told to go on as soon as the node is empty, instead of at the time it gave
 * @param file path of a file that announces by its being there; empty: none
 * @param signal which signal to the daemon announces, PWR or USR1; empty: none
 * @param systemd whether systemd's login manager is asked for shutdowns, and made to wait with them
 * @param slurm whether Slurm is asked
 * @param kubernetes whether Kubernetes is asked
 */
public record NoticesConfig(String sources, String poll, String awsEndpoint, String gcpEndpoint, String azureEndpoint, boolean azureAcknowledge, String file, String signal, boolean systemd, SlurmConfig slurm, KubernetesConfig kubernetes) implements Configs.Checked {
    /** Finds out by the firmware's words. */
    static final String AUTO = "auto";

    private static final Set<String> CLOUDS = Set.of("aws", "gcp", "azure");

    public static NoticesConfig defaults() {
        return new NoticesConfig(AUTO, "2s", "http://169.254.169.254", "http://metadata.google.internal", "http://169.254.169.254", false, "", "", false, SlurmConfig.defaults(), KubernetesConfig.defaults());
    }

    /** The words of {@link #sources}. */
    List<String> named() {
        return Arrays.stream(sources.split(",")).map(String::trim).filter(name -> !name.isEmpty()).toList();
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        for (String name : named()) {
            boolean alone = name.equals(AUTO) && named().size() == 1;
            if (!CLOUDS.contains(name) && !alone) {
                problems.add("sources: '" + name + "' must be auto, or some of aws, gcp and azure");
            }
        }
        try {
            if (Durations.parse(poll).isZero()) {
                problems.add("poll: must not be zero");
            }
        } catch (FerryException wrong) {
            problems.add("poll: " + wrong.getMessage());
        }
        checkAddress(problems, "awsEndpoint", awsEndpoint);
        checkAddress(problems, "gcpEndpoint", gcpEndpoint);
        checkAddress(problems, "azureEndpoint", azureEndpoint);
        if (!file.isEmpty() && !file.startsWith("/")) {
            problems.add("file: '" + file + "' must be an absolute path");
        }
        if (!signal.isEmpty() && !SignalSource.SIGNALS.contains(signal)) {
            problems.add("signal: '" + signal + "' must be one of " + String.join(", ", SignalSource.SIGNALS));
        }
        slurm.problems().forEach(problem -> problems.add("slurm." + problem));
        kubernetes.problems().forEach(problem -> problems.add("kubernetes." + problem));
        checkAddress(problems, "kubernetes.endpoint", kubernetes.endpoint());
        return problems;
    }

    private static void checkAddress(List<String> problems, String key, String value) {
        try {
            URI address = new URI(value);
            if (address.getHost() == null || !("http".equals(address.getScheme()) || "https".equals(address.getScheme()))) {
                problems.add(key + ": '" + value + "' must be http://host[:port][/path]");
            }
        } catch (URISyntaxException malformed) {
            problems.add(key + ": '" + value + "' must be http://host[:port][/path]");
        }
    }
}
