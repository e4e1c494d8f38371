package dev.ferry.coordinator;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import java.util.ArrayList;
import java.util.List;

/**
 * How the coordinator keeps out who should not get in.
 *
 * @param tokens whether callers must show a token
 * @param auditFileSize after which a file of the audit log is put aside
 * @param auditFiles how many of those are kept
 * @param insecure confirms that the address can be reached from elsewhere without protection
 */
public record SecurityConfig(boolean tokens, String auditFileSize, int auditFiles, boolean insecure) {
    private static final long LEAST_AUDIT_FILE = 4096;

    public static SecurityConfig defaults() {
        return new SecurityConfig(true, "64MiB", 16, false);
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
        if (auditFiles < 1) {
            problems.add("auditFiles: must be at least 1");
        }
        return problems;
    }
}
