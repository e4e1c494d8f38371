package dev.ferry.cli;

import dev.ferry.common.FerryException;
import dev.ferry.common.LocalAccess;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a command line shows to get in.
 *
 * @param token empty: nothing
 * @param authority certificates by which it knows the coordinator; empty: it speaks without TLS
 * @param insecure a token may go over a line that others can read
 * @param socket on which the coordinator may be asked too, without TLS: of this user, on this machine
 */
public record Access(Optional<String> token, Optional<Path> authority, boolean insecure, Optional<Path> socket) {
    private static final String TOKEN = "token";
    private static final String AUTHORITY = "ca.pem";

    /** What the command line says. */
    public record Options(@Nullable Path tokenFile, @Nullable Path caFile, boolean insecure) {
        public static final Options NONE = new Options(null, null, false);
    }

    /** Where options, environment and files lead. */
    public static Access of(String server, Options options) {
        return of(options, System.getenv(), Arrays.stream(server.split(",", -1)).map(String::strip).flatMap(one -> LocalAccess.find(one).stream()).findFirst(), Path.of(System.getProperty("user.home", "/"), ".config", "ferry"));
    }

    /**
     * The first of: the option, FERRY_TOKEN, FERRY_TOKEN_FILE, what a coordinator of this user on this machine left,
     * the user's own file.
     *
     * @throws FerryException INVALID_ARGUMENT when a file that was named can't be read, or others can read it
     */
    static Access of(Options options, Map<String, String> environment, Optional<Path> local, Path home) {
        // Who names an authority wants to see its certificate.
        boolean named = options.caFile() != null || !environment.getOrDefault("FERRY_CA_FILE", "").isEmpty();
        Optional<Path> socket = local.filter(folder -> !named).map(folder -> folder.resolve(LocalAccess.SOCKET));
        return new Access(token(options, environment, local, home), authority(options, environment, local, home), options.insecure(), socket);
    }

    private static Optional<Path> authority(Options options, Map<String, String> environment, Optional<Path> local, Path home) {
        String named = environment.getOrDefault("FERRY_CA_FILE", "");
        if (options.caFile() != null) {
            return Optional.of(options.caFile());
        }
        if (!named.isEmpty()) {
            return Optional.of(Path.of(named));
        }
        // A coordinator of this machine that left no authority speaks without TLS, whatever others do.
        return local.isPresent() ? local.map(folder -> folder.resolve(AUTHORITY)).filter(Files::isReadable) : Optional.of(home.resolve(AUTHORITY)).filter(Files::exists);
    }

    private static Optional<String> token(Options options, Map<String, String> environment, Optional<Path> local, Path home) {
        String given = environment.getOrDefault("FERRY_TOKEN", "");
        String named = environment.getOrDefault("FERRY_TOKEN_FILE", "");
        if (options.tokenFile() != null) {
            return Optional.of(read(options.tokenFile()));
        }
        if (!given.isEmpty()) {
            return Optional.of(given.strip());
        }
        if (!named.isEmpty()) {
            return Optional.of(read(Path.of(named)));
        }
        Optional<Path> file = local.map(folder -> folder.resolve(TOKEN)).filter(Files::isReadable).or(() -> Optional.of(home.resolve(TOKEN)).filter(Files::exists));
        return file.map(Access::read);
    }

    /**
     * The secret in a file.
     *
     * @throws FerryException INVALID_ARGUMENT when it can't be read, or others can read it
     */
    public static String read(Path file) {
        try {
            Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
            if (permissions.stream().anyMatch(one -> one.name().startsWith("OTHERS") || one.name().startsWith("GROUP"))) {
                throw new FerryException(
                        ErrorCode.INVALID_ARGUMENT, "Token file " + file + " is open to others (" + PosixFilePermissions.toString(permissions) + "): chmod 600 it, and revoke the token if others may have read it");
            }
            return Files.readString(file).strip();
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "Token file " + file + " can't be read: " + unreadable, unreadable);
        }
    }
}
