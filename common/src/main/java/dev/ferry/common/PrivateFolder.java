package dev.ferry.common;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** Folders that only their owner, and root, can enter: other users of the machine see neither names nor contents. */
public final class PrivateFolder {
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rwx------");
    private static final FileAttribute<Set<PosixFilePermission>> ATTRIBUTE = PosixFilePermissions.asFileAttribute(OWNER);

    private PrivateFolder() {}

    /** Makes the folder if it is not there, and those above it as open as any; one that is there stays as open as whoever made it wants it. */
    public static Path make(Path folder) throws IOException {
        if (Files.isDirectory(folder)) {
            return folder;
        }
        Path above = folder.toAbsolutePath().getParent();
        if (above != null) {
            Files.createDirectories(above);
        }
        return Files.createDirectories(folder, ATTRIBUTE);
    }

    /** Makes the folder if it is not there, and closes it to others if it was open to them: for one that is nobody else's to open. */
    public static Path close(Path folder) throws IOException {
        Path made = make(folder);
        if (!Files.getPosixFilePermissions(made).equals(OWNER)) {
            Files.setPosixFilePermissions(made, OWNER);
        }
        return made;
    }
}
