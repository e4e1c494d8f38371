package dev.ferry.coordinator;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * How the coordinator keeps out who should not get in.
 *
 * @param tls whether gRPC and HTTP are TLS 1.3, and nodes are known by certificates
 * @param pki folder of the certificate authority; empty: one below the data folder
 * @param names host names by which the coordinator is known beside the addresses it listens on, separated by commas
 * @param nodeCertificate how long a node's certificate lasts; it is renewed well before
 * @param tokens whether callers must show a token
 * @param auditFileSize after which a file of the audit log is put aside
 * @param auditFiles how many of those are kept
 * @param insecure confirms that the address can be reached from elsewhere without protection
 */
public record SecurityConfig(boolean tls, String pki, String names, String nodeCertificate, boolean tokens, String auditFileSize, int auditFiles, boolean insecure) {
    private static final Duration SHORTEST_CERTIFICATE = Duration.ofSeconds(10);
    private static final long LEAST_AUDIT_FILE = 4096;

    public static SecurityConfig defaults() {
        return new SecurityConfig(true, "", "", "30d", true, "64MiB", 16, false);
    }

    /** More names for the server's certificate. */
    public List<String> serverNames() {
        return Stream.of(names.split(",", -1)).map(String::trim).filter(name -> !name.isEmpty()).toList();
    }

    /** Whether everyone who is let in has shown who it is, over a line that nobody else reads or changes. */
    boolean isProtected() {
        return tls && tokens;
    }

    List<String> problems() {
        List<String> problems = new ArrayList<>();
        try {
            if (Sizes.parse(auditFileSize) < LEAST_AUDIT_FILE) {
                problems.add("auditFileSize: must be at least 4KiB");
            }
        } catch (FerryException wrong) {
            problems.add("auditFileSize: " + wrong.getMessage());
        }
        if (!pki.isEmpty() && !pki.startsWith("/")) {
            problems.add("pki: '" + pki + "' must be an absolute path");
        }
        for (String name : serverNames()) {
            if (!name.matches("[A-Za-z0-9.:-]{1,253}")) {
                problems.add("names: '" + name + "' is not a host name or address");
            }
        }
        try {
            if (Durations.parse(nodeCertificate).compareTo(SHORTEST_CERTIFICATE) < 0) {
                problems.add("nodeCertificate: must be at least 10s");
            }
        } catch (FerryException wrong) {
            problems.add("nodeCertificate: " + wrong.getMessage());
        }
        if (auditFiles < 1) {
            problems.add("auditFiles: must be at least 1");
        }
        return problems;
    }
}
