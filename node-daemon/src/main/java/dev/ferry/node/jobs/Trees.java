package dev.ferry.node.jobs;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Folders as a whole. */
public final class Trees {
    private static final Logger LOG = LoggerFactory.getLogger(Trees.class);
    /** Names have 255 bytes, and a path 4096: the folder with all jobs has a path too. */
    private static final int DEEPEST = 8;

    private Trees() {}

    /** As {@link #delete}, for what nobody needs to have gone: it goes with the job's folder at last. */
    public static void tryDelete(Path tree) {
        try {
            delete(tree);
        } catch (IOException | RuntimeException left) {
            LOG.warn("{} can't be removed now: {}", tree, left.toString());
        }
    }

    /**
     * Deletes a file or a folder with all it holds, without following symlinks; a missing one is no error. Folders may be nested as deep as a job could
     * nest them, which is deeper than a path can be long.
     */
    public static void delete(Path tree) throws IOException {
        try {
            boolean more = true;
            while (more) {
                Deletion deletion = new Deletion(tree);
                Files.walkFileTree(tree, deletion);
                more = deletion.moved;
            }
        } catch (NoSuchFileException gone) {
            // Nothing to delete.
        }
    }

    /** Deletes what is not too deep, and moves what is up to the top, for the next round. */
    private static final class Deletion extends SimpleFileVisitor<Path> {
        private final Path tree;
        private boolean moved;

        Deletion(Path tree) {
            this.tree = tree;
        }

        @Override
        public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
            if (folder.getNameCount() - tree.getNameCount() < DEEPEST) {
                return FileVisitResult.CONTINUE;
            }
            Files.move(folder, tree.resolve(".ferry-deep-" + UUID.randomUUID()));
            moved = true;
            return FileVisitResult.SKIP_SUBTREE;
        }

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
            // The top holds what was moved there.
            if (!moved || !folder.equals(tree)) {
                Files.deleteIfExists(folder);
            }
            return FileVisitResult.CONTINUE;
        }
    }
}
