package dev.ferry.cli.chaos;

import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.common.Ids;
import dev.ferry.coordinator.store.PostgresServer;
import dev.ferry.node.jobs.Trees;
import dev.ferry.node.sandbox.JobProcess;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The folder of a run with a cluster of its own, with a word of which process works in it. A run that is killed leaves its cluster: daemons, jobs, network namespaces, control groups.
 * The next run finds it by that word, and removes it.
 */
public final class OwnedFolder implements AutoCloseable {
    /** Below it, or below it in a folder of a part of the run, lies all of a cluster. */
    static final String CLUSTER = "cluster";
    /** Of a cluster of a run. */
    public static final int MOST_NODES = 9;
    private static final String OWNER = "owner";

    private final Path path;

    private OwnedFolder(Path path) {
        this.path = path;
    }

    /**
     * Removes what runs that were killed have left, and makes a folder for this one.
     *
     * @param where folder of all of them
     * @param prefix of their names
     * @param tell gets a line for each that is removed
     */
    public static OwnedFolder make(Path where, String prefix, PrintStream tell) throws IOException, InterruptedException {
        Path all = Files.createDirectories(where.toAbsolutePath().normalize());
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(all, prefix + "*")) {
            for (Path folder : folders) {
                if (wasKilled(folder)) {
                    tell.println("removing what a run left that was killed: " + folder);
                    for (Path cluster : clusters(folder)) {
                        LocalCluster.removeLeftovers(cluster, MOST_NODES);
                    }
                    Trees.delete(folder);
                }
            }
        }
        PostgresServer.removeLeftovers();
        Path mine = Files.createDirectory(all.resolve(prefix + Ids.random(6)));
        JobProcess self = JobProcess.of((int) ProcessHandle.current().pid());
        Files.writeString(mine.resolve(OWNER), self.pid() + " " + self.startTime() + " " + self.bootId() + " " + pids());
        return new OwnedFolder(mine);
    }

    /** The namespace in which process ids count: one of another container is not seen here, and not gone for that. */
    private static String pids() throws IOException {
        return Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
    }

    private static List<Path> clusters(Path folder) throws IOException {
        try (Stream<Path> found = Files.find(folder, 2, (path, is) -> is.isDirectory() && path.endsWith(CLUSTER))) {
            return found.toList();
        }
    }

    /** Whether the folder is one of ours, and the process that works in it is gone. */
    private static boolean wasKilled(Path folder) throws IOException {
        Path owner = folder.resolve(OWNER);
        try {
            // Anybody may make a folder of that name there, with anything in it.
            boolean ours = Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS) && Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(Path.of("/proc/self")));
            if (!ours || !Files.isRegularFile(owner, LinkOption.NOFOLLOW_LINKS)) {
                return false;
            }
            String[] words = Files.readString(owner).split(" ", -1);
            // One that is being written holds less.
            return words.length == 4 && words[3].equals(pids()) && !new JobProcess(Integer.parseInt(words[0]), Long.parseLong(words[1]), words[2]).isAlive();
        } catch (NoSuchFileException | NumberFormatException notOurs) {
            // Its owner ends at this moment, or it is none of ours.
            return false;
        }
    }

    public Path path() {
        return path;
    }

    /** The cluster has ended in an orderly way: what is in the folder is left there for whoever wants to read it. */
    @Override
    public void close() throws IOException {
        Files.deleteIfExists(path.resolve(OWNER));
    }
}
