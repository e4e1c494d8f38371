package dev.ferry.common;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;

/**
 * Where a coordinator on this machine leaves what its own user needs to get in, so that a command line needs no option:
 * a link named by the coordinator's address, in a folder that is gone at the next boot, to a folder that only that user
 * can read.
 */
public final class LocalAccess {
    /** Name in the folder of the socket on which the coordinator listens too, if there is one. */
    public static final String SOCKET = "socket";

    private LocalAccess() {}

    /** The folder of the links of this user: /run/ferry/access for root. */
    static Path links() {
        String runtime = System.getenv("XDG_RUNTIME_DIR");
        boolean root = System.getProperty("user.name", "").equals("root");
        return (root || runtime == null || runtime.isEmpty() ? Path.of("/run") : Path.of(runtime)).resolve("ferry").resolve("access");
    }

    private static Path link(Path links, String server) {
        return links.resolve(server.replaceFirst("^localhost:", "127.0.0.1:").replace('/', '_'));
    }

    /**
     * Lets command lines find a coordinator's folder by its address.
     *
     * @throws IOException when this user has no folder for such links
     */
    public static void publish(String server, Path folder) throws IOException {
        publish(links(), server, folder);
    }

    static void publish(Path links, String server, Path folder) throws IOException {
        Files.createDirectories(links);
        Path link = link(links, server);
        Path fresh = link.resolveSibling(link.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Files.createSymbolicLink(fresh, folder.toAbsolutePath());
        Files.move(fresh, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Takes the link away again, if it still leads to this folder. */
    public static void withdraw(String server, Path folder) throws IOException {
        withdraw(links(), server, folder);
    }

    static void withdraw(Path links, String server, Path folder) throws IOException {
        Path link = link(links, server);
        if (Files.isSymbolicLink(link) && Files.readSymbolicLink(link).equals(folder.toAbsolutePath())) {
            Files.delete(link);
        }
    }

    /** The folder of the coordinator at this address; empty: there is none of this user, or it was never closed and is gone. */
    public static Optional<Path> find(String server) {
        return find(links(), server);
    }

    static Optional<Path> find(Path links, String server) {
        Path link = link(links, server);
        return Files.exists(link, LinkOption.NOFOLLOW_LINKS) && Files.isDirectory(link) && Files.isReadable(link) ? Optional.of(link) : Optional.empty();
    }
}
