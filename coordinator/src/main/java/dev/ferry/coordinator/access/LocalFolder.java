package dev.ferry.coordinator.access;

import dev.ferry.common.DurableFile;
import dev.ferry.common.PrivateFolder;
import dev.ferry.common.tls.Pem;
import dev.ferry.proto.v1.CreateTokenRequest;
import dev.ferry.proto.v1.CreateTokenResponse;
import dev.ferry.proto.v1.Role;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;

/**
 * What a command line on this machine needs to get in, in a folder of the coordinator's data that only its owner can
 * read: the first administrator's token, and the authority by which it knows the coordinator.
 */
public final class LocalFolder {
    /** Its name below the data folder. */
    public static final String NAME = "access";

    public static final String TOKEN = "token";
    public static final String AUTHORITY = "ca.pem";

    private LocalFolder() {}

    /**
     * Brings the folder up to date. A token is made whenever nobody could administrate: whoever can read the data folder
     * can do everything anyway.
     *
     * @param authority empty: the coordinator speaks without TLS
     */
    public static void ensure(Tokens tokens, Path data, Optional<X509Certificate> authority) throws IOException {
        Path folder = data.resolve(NAME);
        PrivateFolder.make(folder);
        if (!tokens.hasAdministrator()) {
            // The file first: a token that nobody knows would keep the next start from making one.
            create(tokens, "made at the first start", secret -> DurableFile.writePrivate(folder.resolve(TOKEN), secret));
        }
        if (authority.isPresent()) {
            Pem.writeCertificates(folder.resolve(AUTHORITY), List.of(authority.get()));
        } else {
            Files.deleteIfExists(folder.resolve(AUTHORITY));
        }
    }

    /**
     * Makes an administrator's token, whoever else could administrate: for one who has lost his. All others stay valid.
     *
     * @return the file that it is in
     */
    public static Path reset(Tokens tokens, Path data) throws IOException {
        Path file = PrivateFolder.make(data.resolve(NAME)).resolve(TOKEN);
        // Beside the old one, which stays where nothing comes of this: it may be good still.
        DurableFile.writePrivate(file, to -> create(tokens, "made by 'ferry admin token reset'", to::write));
        return file;
    }

    private interface Content {
        void write(byte[] content) throws IOException;
    }

    private static void create(Tokens tokens, String note, Content to) throws IOException {
        CreateTokenResponse ignored =
                tokens.<IOException>create(
                        CreateTokenRequest.newBuilder().setRole(Role.ROLE_ADMIN).setNote(note).build(), secret -> to.write((secret + "\n").getBytes(StandardCharsets.US_ASCII)));
    }
}
