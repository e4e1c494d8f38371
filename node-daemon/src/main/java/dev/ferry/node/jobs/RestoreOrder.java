package dev.ferry.node.jobs;

import dev.ferry.node.sandbox.JobFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps, beside a job, in which order CRIU asked for the files of the image it came back from. The job's next image says it, and the restore after that fetches them so. It makes
 * a restore quicker, nothing more: what can't be kept or read is as if it had never been there.
 */
final class RestoreOrder {
    private static final Logger LOG = LoggerFactory.getLogger(RestoreOrder.class);

    private RestoreOrder() {}

    /**
     * @param asked names of files; some may come twice, some are in no image
     */
    static void write(JobFolder folder, List<String> asked) {
        try {
            Files.write(folder.restoreOrder(), asked);
        } catch (IOException failed) {
            LOG.warn("the order of a restore can't be kept in {}, the one after the next is slower: {}", folder.restoreOrder(), failed.toString());
        }
    }

    static List<String> read(JobFolder folder) {
        try {
            return Files.readAllLines(folder.restoreOrder());
        } catch (NoSuchFileException never) {
            return List.of();
        } catch (IOException failed) {
            LOG.warn("the order of a restore can't be read from {}, the next one is slower: {}", folder.restoreOrder(), failed.toString());
            return List.of();
        }
    }
}
