package dev.ferry.coordinator.access;

import dev.ferry.common.DurableFile;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.Role;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The first administrator's token, in a file of the coordinator's data folder that only its owner can read. It is made
 * anew whenever nobody could administrate: whoever can read the data folder can do everything anyway.
 */
public final class FirstToken {
    /** Folder below the data folder that holds what a command line on this machine needs to get in. */
    public static final String FOLDER = "access";

    public static final String FILE = "token";

    private FirstToken() {}

    public static void ensure(Tokens tokens, Path data) throws IOException {
        Path folder = data.resolve(FOLDER);
        Path file = folder.resolve(FILE);
        if (tokens.hasAdministrator()) {
            return;
        }
        if (!Files.isDirectory(folder)) {
            Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        String secret = tokens.create(CreateTokenRequest.newBuilder().setRole(Role.ROLE_ADMIN).setNote("made at the first start").build()).getSecret();
        DurableFile.writePrivate(file, (secret + "\n").getBytes(StandardCharsets.US_ASCII));
    }
}
