package dev.ferry.storage.plain;

import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Whether what processes had open by its path can be found by it in a job's sandbox, as far as that is known without the node. */
final class PlainPlaces {
    /** Made anew in each sandbox, and empty but for these. */
    private static final List<String> OWN = List.of("/tmp", "/scratch", "/run", "/dev", "/.ferry");
    private static final Set<String> DEVICES = Set.of("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/shm", "/dev/pts");
    private static final List<String> KERNELS = List.of("/proc", "/sys");
    /** Folders of programs and libraries: criu itself runs in the sandbox, with the node's. */
    private static final Set<String> PROGRAMS = Set.of("usr", "lib", "lib32", "lib64", "libx32", "bin", "sbin", "etc");

    private final List<Mount> mounts = new ArrayList<>();

    PlainPlaces(JobSpec spec) {
        List<Mount> all = new ArrayList<>(spec.getMountsList());
        if (!spec.getWorkdir().isEmpty()) {
            all.add(Mount.newBuilder().setSource(spec.getWorkdir()).setDestination(spec.getWorkdir()).build());
        }
        // What is no path of a sandbox is refused by whoever takes the job.
        all.stream().filter(mount -> mount.getDestination().startsWith("/")).forEach(mount -> mounts.add(mount.toBuilder().setDestination(Path.of(mount.getDestination()).normalize().toString()).build()));
    }

    /** What is wrong with the mounts, for people. */
    Optional<String> wrongMount() {
        return mounts.stream()
                .map(Mount::getDestination)
                .filter(destination -> PROGRAMS.stream().anyMatch(folder -> within(destination, "/" + folder)))
                .findFirst()
                .map(destination -> "nothing may be mounted at " + destination + ": criu runs in the sandbox for the restore, with the node's own programs and libraries");
    }

    /** What is wrong with a file, for people. */
    Optional<String> wrong(PlainDump.Open open) {
        String path = open.path();
        if (path.equals("/") || DEVICES.contains(path) || OWN.contains(path)) {
            return Optional.empty();
        }
        Optional<Mount> mount = mounts.stream().filter(each -> within(path, each.getDestination())).max(Comparator.comparingInt(each -> each.getDestination().length()));
        if (mount.isPresent()) {
            boolean refused = (open.written() || open.removed()) && mount.get().getReadOnly();
            return refused ? Optional.of(path + " is open for writing, and its mount is read-only") : Optional.empty();
        }
        if (within(path, "/dev")) {
            return Optional.of("it has " + path + " open, and a sandbox has a /dev of its own, with an empty /dev/shm and without this device");
        }
        Optional<String> own = OWN.stream().filter(folder -> within(path, folder)).findFirst();
        if (own.isPresent()) {
            // What has no name any more is in the dump, and needs only its folder.
            boolean folderIsThere = open.removed() && path.lastIndexOf('/') == own.get().length();
            return folderIsThere ? Optional.empty() : Optional.of("it has " + path + " open, and a sandbox has a " + own.get() + " of its own: give the folder that holds it with --workdir or --mount");
        }
        boolean kernels = KERNELS.stream().anyMatch(folder -> within(path, folder));
        if ((open.written() || open.removed()) && !kernels) {
            return Optional.of("it has " + path + " open " + (open.removed() ? "without a name" : "for writing") + ", and the node's own files are read-only in a sandbox: give its folder with --workdir or --mount");
        }
        return Optional.empty();
    }

    private static boolean within(String path, String folder) {
        return (path + "/").startsWith(folder + "/");
    }
}
