package dev.ferry.node.jobs;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Folders as a whole. */
public final class Trees {
    private static final Logger LOG = LoggerFactory.getLogger(Trees.class);

    private Trees() {}

    /** As {@link #delete}, for what nobody needs to have gone: it goes with the job's folder at last. */
    public static void tryDelete(Path tree) {
        try {
            delete(tree);
        } catch (IOException | RuntimeException left) {
            LOG.warn("{} can't be removed now: {}", tree, left.toString());
        }
    }

    /** Deletes a file or a folder with all it holds, without following symlinks; a missing one is no error. */
    public static void delete(Path tree) throws IOException {
        try {
            Files.walkFileTree(
                    tree,
                    new SimpleFileVisitor<>() {
                        @Override
                        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                            Files.deleteIfExists(file);
                            return FileVisitResult.CONTINUE;
                        }

                        @Override
                        public FileVisitResult postVisitDirectory(Path folder, @org.jspecify.annotations.Nullable IOException failure) throws IOException {
                            if (failure != null) {
                                throw failure;
                            }
                            Files.deleteIfExists(folder);
                            return FileVisitResult.CONTINUE;
                        }
                    });
        } catch (NoSuchFileException gone) {
            // Nothing to delete.
        }
    }
}
