package dev.ferry.node.sandbox;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/** The program ferry-init, built with the daemon and carried in its jar. */
public final class NativeHelper {
    private static final String RESOURCE = "/native/ferry-init";

    private NativeHelper() {}

    /** Puts the program at a path, executable, whole or not at all. */
    public static void install(Path at) throws IOException {
        Path temporary = at.resolveSibling(at.getFileName() + ".new");
        try (InputStream program = NativeHelper.class.getResourceAsStream(RESOURCE)) {
            if (program == null) {
                throw new IOException("ferry-init is not in this build; build it again with gcc installed");
            }
            Files.copy(program, temporary, StandardCopyOption.REPLACE_EXISTING);
        }
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.move(temporary, at, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
