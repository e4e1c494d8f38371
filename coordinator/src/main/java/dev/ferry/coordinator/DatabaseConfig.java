package dev.ferry.coordinator;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The database that several coordinators share.
 *
 * @param url {@code jdbc:postgresql://host:port/database}, as its driver takes it; empty: an SQLite file in the folder 'data', for one coordinator
 * @param user empty: none is said
 * @param passwordFile a file that holds the user's password; empty: none is needed
 * @param term after how much silence of the leader another coordinator leads
 */
public record DatabaseConfig(String url, String user, String passwordFile, String term) {
    private static final Duration SHORTEST = Duration.ofSeconds(1);

    public static DatabaseConfig defaults() {
        return new DatabaseConfig("", "", "", "5s");
    }

    public boolean shared() {
        return !url.isEmpty();
    }

    /**
     * The user's password; empty: none is needed.
     *
     * @throws FerryException CONFIG_INVALID when its file can't be read
     */
    public String password() {
        if (passwordFile.isEmpty()) {
            return "";
        }
        try {
            return Files.readString(Path.of(passwordFile)).strip();
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.CONFIG_INVALID, "database.passwordFile: can't read " + passwordFile + ": " + unreadable, unreadable);
        }
    }

    /** One line for each thing that is wrong, beginning with the key. */
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (shared() && !url.startsWith("jdbc:postgresql:")) {
            problems.add("url: '" + url + "' must begin with jdbc:postgresql:");
        }
        if (url.contains("password=")) {
            problems.add("url: must not hold a password; write it to a file and name that as passwordFile");
        }
        try {
            if (Durations.parse(term).compareTo(SHORTEST) < 0) {
                problems.add("term: must be at least 1s");
            }
        } catch (FerryException wrong) {
            problems.add("term: " + wrong.getMessage());
        }
        return problems;
    }
}
