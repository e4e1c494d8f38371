package dev.ferry.node.jobs;

import dev.ferry.node.posix.Posix;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a life had written to its log after the image from which the next life goes on. */
final class LogCut {
    private static final Logger LOG = LoggerFactory.getLogger(LogCut.class);

    private LogCut() {}

    /** Keeps all of the log of a life that is dead, as far as that can be: the receipt of its death must not wait for a copy, nor fail for want of room. */
    static void keepAll(LocalJob job) {
        Path log = job.folder().log();
        try (FileChannel regular = Posix.openRegular(log).orElse(null)) {
            if (regular != null && regular.size() > 0) {
                Path cut = cut(job);
                Files.move(log, cut, StandardCopyOption.REPLACE_EXISTING);
                LOG.info("job {}: its log is kept in {}", job.id(), cut);
            }
        } catch (IOException failed) {
            LOG.warn("job {}: its log {} can't be kept: {}", job.id(), log, failed.toString());
        }
    }

    private static Path cut(LocalJob job) {
        long life = job.record().getLogIncarnation();
        return job.folder().logCut(life == 0 ? job.record().getIncarnation() : life);
    }

    /**
     * Keeps the end of the log that lies here, if there is more of it than the image knows. Where it can't be copied (a full disk) all of the log is kept, which needs no room: the restore
     * must not fail for it.
     *
     * @param from length of the log that the next life has
     */
    static void keep(LocalJob job, long from) {
        Path log = job.folder().log();
        try (FileChannel source = Posix.openRegular(log).orElse(null)) {
            if (source == null || source.size() <= from) {
                return;
            }
            Path cut = cut(job);
            copy(source, from, cut);
            LOG.info("job {}: the log after byte {} is kept in {}", job.id(), from, cut);
        } catch (IOException failed) {
            LOG.warn("job {}: the log after byte {} can't be copied, and all of it is kept: {}", job.id(), from, failed.toString());
            keepAll(job);
        }
    }

    private static void copy(FileChannel source, long from, Path cut) throws IOException {
        try (FileChannel target = FileChannel.open(cut, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            long at = from;
            long size = source.size();
            while (at < size) {
                at += source.transferTo(at, size - at, target);
            }
            target.force(true);
        }
    }
}
