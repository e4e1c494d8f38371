package dev.ferry.node.notices;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;

/**
 * Kubernetes, of which the machine is a node.
 *
 * @param node its name there; empty: Kubernetes is not asked
 * @param endpoint address of the API server; without TLS only on this machine, because the token is shown to it
 * @param tokenFile the token of a service account that may get nodes
 * @param caFile the authority that signed the server's certificate; empty: the system's
 * @param signs taints and conditions that announce something: KEY=final, condition:TYPE=maintenance
 */
public record KubernetesConfig(String node, String endpoint, String tokenFile, String caFile, List<String> signs) {
    public KubernetesConfig {
        signs = List.copyOf(signs);
    }

    static KubernetesConfig defaults() {
        String account = "/var/run/secrets/kubernetes.io/serviceaccount/";
        return new KubernetesConfig(
                "", "https://kubernetes.default.svc", account + "token", account + "ca.crt",
                List.of(
                        "ToBeDeletedByClusterAutoscaler=final", "cloud.google.com/impending-node-termination=final", "aws-node-termination-handler/spot-itn=final",
                        "aws-node-termination-handler/scheduled-maintenance=maintenance", "aws-node-termination-handler/rebalance-recommendation=advisory", "node.kubernetes.io/out-of-service=final"));
    }

    /** One line for each problem, each beginning with the key. */
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (!node.matches("[A-Za-z0-9.-]{0,253}")) {
            problems.add("node: '" + node + "' must be letters, digits, '.' and '-'");
        }
        if (!isPrivate(endpoint)) {
            problems.add("endpoint: '" + endpoint + "' must be https://HOST[:PORT]; http:// only on 127.0.0.1, [::1] or localhost: the service account's token is shown to it");
        }
        for (String sign : signs) {
            if (KubernetesSource.Sign.parse(sign).isEmpty()) {
                problems.add("signs: '" + sign + "' must be KEY=KIND or condition:TYPE=KIND; the kind is final, maintenance or advisory");
            }
        }
        if (!tokenFile.startsWith("/") || !(caFile.isEmpty() || caFile.startsWith("/"))) {
            problems.add("tokenFile, caFile: must be absolute paths");
        }
        return problems;
    }

    /** Nobody on the way can read what is said to it. */
    private static boolean isPrivate(String endpoint) {
        try {
            URI uri = URI.create(endpoint);
            boolean here = "127.0.0.1".equals(uri.getHost()) || "[::1]".equals(uri.getHost()) || "localhost".equals(uri.getHost());
            return uri.getHost() != null && ("https".equals(uri.getScheme()) || ("http".equals(uri.getScheme()) && here));
        } catch (IllegalArgumentException malformed) {
            return false;
        }
    }

    List<KubernetesSource.Sign> read() {
        return signs.stream().flatMap(sign -> KubernetesSource.Sign.parse(sign).stream()).toList();
    }
}
