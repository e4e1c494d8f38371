package dev.ferry.coordinator.store;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** The migrations of the SQLite database; {@code user_version} in its header says how many it has had. */
final class SqliteSchema {
    /** Files of the folder {@code sqlite} beside this class, in their order. */
    static final List<String> MIGRATIONS = List.of("V1__jobs_operations_images_nodes.sql", "V2__records.sql", "V3__ended_jobs.sql");

    private SqliteSchema() {}

    /** Does, in the transaction that is open, what the database lacks. */
    static void migrate(Statement statement, Path file) throws SQLException, IOException {
        int version;
        try (var row = statement.executeQuery("PRAGMA user_version")) {
            version = row.getInt(1);
        }
        if (version > MIGRATIONS.size()) {
            throw new FerryException(ErrorCode.FORMAT_UNKNOWN, "The database " + file + " has schema " + version + "; this Ferry knows " + MIGRATIONS.size());
        }
        for (String migration : MIGRATIONS.subList(version, MIGRATIONS.size())) {
            for (String sql : read("sqlite/" + migration).split(";\\s*\\n", -1)) {
                if (!sql.isBlank()) {
                    statement.execute(sql);
                }
            }
        }
        statement.execute("PRAGMA user_version = " + MIGRATIONS.size());
    }

    private static String read(String resource) throws IOException {
        try (InputStream content = SqliteSchema.class.getResourceAsStream(resource)) {
            if (content == null) {
                throw new FileNotFoundException("resource " + resource);
            }
            return new String(content.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
