package dev.ferry.common;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** A native library that its jar unpacks into the folder for temporary files, where a process that is killed leaves it for good. */
public final class UnpackedLibrary {
    private UnpackedLibrary() {}

    /**
     * Has it unpacked into a folder of our own, and removes there what the last process left; a file that is in use stays mapped.
     *
     * @param folder of one process at a time; it is made if it is not there
     * @param files what unpacked ones are called, as a glob
     * @param property by which the jar is told the folder
     */
    public static void keepIn(Path folder, String files, String property) throws IOException {
        PrivateFolder.make(folder);
        try (DirectoryStream<Path> left = Files.newDirectoryStream(folder, files)) {
            for (Path file : left) {
                Files.deleteIfExists(file);
            }
        }
        System.setProperty(property, folder.toString());
    }
}
