package dev.ferry.storage;

import dev.ferry.proto.v1.JobSpec;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.regex.Pattern;

/** To whom a job's images belong: whose key they are sealed with. */
public final class Tenants {
    /** Tenant of jobs that have neither account nor user. */
    public static final String NOBODY = "default";

    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9._@-]{1,70}");

    private Tenants() {}

    /** The job's account, else its user, else all jobs that have neither. */
    public static String of(JobSpec spec) {
        if (!spec.getAccount().isEmpty()) {
            return "account." + plain(spec.getAccount());
        }
        return spec.getUserName().isEmpty() ? NOBODY : "user." + plain(spec.getUserName());
    }

    /** Names with other letters are told apart by their UTF-8 bytes' UUID. */
    private static String plain(String name) {
        return PLAIN.matcher(name).matches() ? name : "x" + UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8));
    }
}
