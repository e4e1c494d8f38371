package dev.ferry.node.sandbox;

import dev.ferry.common.FerryException;
import dev.ferry.node.posix.FileIdentity;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Mount;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What a job sees as its file system: a skeleton folder with the base's top-level symlinks, and a
 * bind mount for each of its top-level folders (read-only), for each volume that travels with the
 * job, and for each mount from outside.
 *
 * @param links top-level symlinks of the skeleton and their targets
 * @param binds in the order in which they must be mounted
 * @param runtimeBinds what runc binds by itself in a user namespace, where it may not make device nodes
 * @param masks paths in the sandbox, below its top, that are hidden by an empty folder
 * @param devices nodes of devices beside those that every sandbox has
 * @param outside those of the binds that the job asked for, with what lay there when the plan was made
 */
public record RootPlan(Map<String, String> links, List<Bind> binds, List<Bind> runtimeBinds, List<String> masks, List<DeviceNode> devices, List<Outside> outside) {
    private static final Set<String> NOT_SHOWN = Set.of("dev", "proc", "sys", "run", "tmp", "boot", "lost+found", ".ferry", "scratch");

    private static final Path MACHINE = Path.of("/");

    /** Where a stand-in's GPUs are seen in a sandbox. */
    public static final String STAND_IN_GPUS = "/.ferry/gpu";

    /** Folders that are made anew in each sandbox. */
    static final List<String> OWN_FOLDERS = List.of("dev", "proc", "sys", "run", "tmp", "scratch", ".ferry");

    /**
     * @param destination absolute path in the sandbox
     */
    public record Bind(Path source, String destination, boolean readOnly) {
        /** Name of the mount in CRIU's image: the same wherever its source lies. */
        public String key() {
            return "ferry" + destination.replace('/', ':');
        }
    }

    /**
     * A mount that the job asked for: a folder, a file, or one of the folders of its --rootfs.
     *
     * @param bind with a source on which there was no symlink
     * @param identity of the source: who mounts it finds it by its name, and compares
     */
    public record Outside(Bind bind, FileIdentity identity) {}

    /**
     * One device of the machine.
     *
     * @param path of its node, in the machine and in the sandbox
     */
    public record DeviceNode(String path, int major, int minor) {}

    /**
     * Where files of the machine that come with a job's GPUs are seen, read-only, as far as there is a place for them: what the job's file system shows already at that place is left, and nothing is made in it.
     *
     * @param hidden folders of this machine that no job may see
     * @return those that have a place, with it
     */
    public Map<Bind, Bind> places(List<Bind> files, List<Path> hidden) throws IOException {
        List<Bind> all = new ArrayList<>(binds);
        Map<Bind, Bind> places = new LinkedHashMap<>();
        for (Bind file : files) {
            Optional<Bind> placed = mayBeShown(file.source(), hidden) ? place(file, all) : Optional.empty();
            placed.ifPresent(place -> {
                all.add(place);
                places.put(file, place);
            });
        }
        return places;
    }

    /**
     * The same with what was placed before: what is mounted in a job does not change while it lives, whatever becomes of the places.
     *
     * @param nodes of devices, where runc binds them
     */
    public RootPlan withPlaced(List<Bind> files, List<Bind> nodes) {
        return new RootPlan(links, Stream.concat(binds.stream(), files.stream()).toList(), Stream.concat(runtimeBinds.stream(), nodes.stream()).toList(), masks, devices, outside);
    }

    /** Whether the top-level folder in which a file lies is one that sandboxes show of the machine. */
    public static boolean isShown(Path file) {
        return file.getNameCount() > 0 && !NOT_SHOWN.contains(file.getName(0).toString());
    }

    /** Not what is hidden, nor a folder that holds it, nor the kernel's own files; a link counts as what it leads to. */
    private static boolean mayBeShown(Path file, List<Path> hidden) throws IOException {
        if (!Files.exists(file)) {
            return false;
        }
        Path real = file.toRealPath();
        return real.getNameCount() > 0
                && !Set.of("proc", "sys", "dev", "run").contains(real.getName(0).toString())
                && hidden.stream().noneMatch(folder -> real.startsWith(folder) || folder.startsWith(real));
    }

    private Optional<Bind> place(Bind file, List<Bind> taken) throws IOException {
        String[] parts = file.destination().substring(1).split("/", 2);
        String link = links.get(parts[0]);
        String top = link == null ? parts[0] : link.startsWith("/") ? link.substring(1) : link;
        String destination = Path.of("/" + top + (parts.length > 1 ? "/" + parts[1] : "")).normalize().toString();
        boolean free = !OWN_FOLDERS.contains(destination.substring(1).split("/", 2)[0]) && taken.stream().noneMatch(other -> (other.destination() + "/").startsWith(destination + "/"));
        if (!free || !Files.exists(file.source())) {
            return Optional.empty();
        }
        // CRIU can't bring back a bind mount whose source is a symlink.
        Bind placed = new Bind(file.source().toRealPath(), destination, true);
        Optional<Bind> above = above(destination, taken);
        if (above.isEmpty()) {
            return Optional.of(placed);
        }
        Path inside = inside(above.get(), destination);
        boolean plain = Files.exists(inside) && inside.toRealPath().equals(above.get().source().toRealPath().resolve(above.get().source().relativize(inside)));
        boolean fits = plain && Files.isDirectory(inside) == Files.isDirectory(placed.source()) && !Files.isSameFile(inside, placed.source());
        return fits ? Optional.of(placed) : Optional.empty();
    }

    /** Whether a job's nodes of devices are mounts: in a user namespace runc binds them, as it may not make nodes there. */
    public static boolean bindsDevices(JobSpec spec) {
        return OciSpec.hasUserNamespace(spec);
    }

    /** The same with devices. */
    public RootPlan withDevices(List<DeviceNode> nodes) {
        return new RootPlan(links, binds, runtimeBinds, masks, nodes, outside);
    }

    /**
     * @param hidden folders of this machine that no job may see (the daemon's own)
     * @throws FerryException MOUNT_REFUSED when a source is missing or a destination can't be mounted on
     */
    public static RootPlan of(JobSpec spec, JobFolder folder, List<Path> hidden) throws IOException {
        boolean ownRoot = !spec.getRootfs().isEmpty();
        if (ownRoot && !Files.isDirectory(Path.of(spec.getRootfs()))) {
            throw refused("--rootfs " + spec.getRootfs() + " is not a folder on this node");
        }
        Path base = ownRoot ? Path.of(spec.getRootfs()).toRealPath() : MACHINE;
        Map<String, String> links = new LinkedHashMap<>();
        Map<String, Bind> binds = new TreeMap<>(Comparator.comparingLong(RootPlan::depth).thenComparing(Comparator.naturalOrder()));
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(base)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (NOT_SHOWN.contains(name)) {
                    continue;
                }
                if (Files.isSymbolicLink(entry)) {
                    links.put(name, Files.readSymbolicLink(entry).toString());
                } else if (Files.isDirectory(entry)) {
                    // A mask would lie right over the mount, which CRIU does not save; and images from where it is not hidden know a mount of this place.
                    Path source = base.equals(MACHINE) && isHidden(entry, hidden) ? folder.hidden().resolve(name) : entry;
                    binds.put("/" + name, new Bind(source, "/" + name, true));
                }
            }
        }
        folder.volumes().forEach((destination, source) -> binds.put(destination, new Bind(source, destination, false)));
        if (Files.isDirectory(folder.gpu())) {
            binds.put(STAND_IN_GPUS, new Bind(folder.gpu(), STAND_IN_GPUS, true));
        }
        List<Mount> mounts = new ArrayList<>(spec.getMountsList());
        if (!spec.getWorkdir().isEmpty()) {
            mounts.add(Mount.newBuilder().setSource(spec.getWorkdir()).setDestination(spec.getWorkdir()).build());
        }
        Set<String> own = folder.volumes().keySet();
        Set<String> taken = new HashSet<>();
        // Whatever lies above another mount comes before it.
        for (Bind bind : mounts.stream().map(RootPlan::bind).distinct().sorted(Comparator.comparingLong(bind -> depth(bind.destination()))).toList()) {
            checkDestination(bind, own, links);
            checkMountPoint(bind, binds.values(), own, folder.hidden());
            if (!taken.add(bind.destination())) {
                throw refused("mount destination " + bind.destination() + " is asked for twice");
            }
            binds.put(bind.destination(), bind);
        }
        List<Outside> outside = new ArrayList<>();
        for (Bind bind : binds.values()) {
            if (taken.contains(bind.destination()) || ownRoot && base.equals(bind.source().getParent())) {
                outside.add(new Outside(bind, identity(bind)));
            }
        }
        return new RootPlan(links, List.copyOf(binds.values()), OciSpec.runtimeBinds(spec), masks(base, hidden, binds, folder.hidden()), List.of(), List.copyOf(outside));
    }

    private static FileIdentity identity(Bind bind) {
        try {
            return Posix.identity(bind.source());
        } catch (PosixException exchanged) {
            throw new FerryException(ErrorCode.MOUNT_REFUSED, "mount source " + bind.source() + " was exchanged or removed while it was looked at: " + exchanged.getMessage(), exchanged);
        }
    }

    /** Every mount whose source lies outside the sandbox: what CRIU must be told of at the dump and at the restore. */
    public List<Bind> externals() {
        return Stream.concat(binds.stream(), runtimeBinds.stream()).toList();
    }

    /**
     * Makes the skeleton folder: symlinks, and a mount point for everything that is mounted at its top or in the job's own empty folders. Images from
     * before those were there have such mounts and masks too.
     */
    public void makeSkeleton(Path root) throws IOException {
        Files.createDirectories(root);
        for (Map.Entry<String, String> link : links.entrySet()) {
            Path at = root.resolve(link.getKey());
            if (!Files.isSymbolicLink(at)) {
                Files.createSymbolicLink(at, Path.of(link.getValue()));
            }
        }
        for (String name : OWN_FOLDERS) {
            Files.createDirectories(root.resolve(name));
        }
        Path hidden = root.resolveSibling(JobFolder.HIDDEN);
        for (Bind bind : binds) {
            if (bind.source().startsWith(hidden)) {
                Files.createDirectories(bind.source());
            }
            Optional<Bind> above = above(bind.destination(), binds);
            if (above.isEmpty()) {
                makeMountPoint(root.resolve(bind.destination().substring(1)), bind.source());
            } else if (above.get().source().startsWith(hidden)) {
                makeMountPoint(inside(above.get(), bind.destination()), bind.source());
            }
        }
        for (String mask : masks) {
            Optional<Bind> above = above(mask, binds).filter(folder -> folder.source().startsWith(hidden));
            if (above.isPresent()) {
                Files.createDirectories(inside(above.get(), mask));
            }
        }
    }

    /**
     * Sources below which something is mounted. A job of another user has a user namespace, in which the kernel
     * refuses to bind such a folder without what is below it: `ferry-init enter --flatten` does so before.
     *
     * @param mountInfo lines as of /proc/self/mountinfo
     */
    public List<Path> sourcesWithMounts(List<String> mountInfo) {
        List<String> points = mountInfo.stream().map(line -> line.split(" ", 6)[4]).toList();
        return binds.stream().map(Bind::source).filter(source -> points.stream().anyMatch(point -> point.startsWith(source + "/"))).distinct().toList();
    }

    private static void makeMountPoint(Path at, Path source) throws IOException {
        if (Files.isDirectory(source)) {
            Files.createDirectories(at);
        } else if (!Files.exists(at)) {
            Files.createDirectories(at.getParent());
            Files.createFile(at);
        }
    }

    /** The nearest bind above a destination, whose business its mount point is. */
    private static Optional<Bind> above(String destination, Collection<Bind> binds) {
        return binds.stream().filter(other -> destination.startsWith(other.destination() + "/")).max(Comparator.comparingLong(other -> depth(other.destination())));
    }

    /** Where a destination below a bind lies on the machine. */
    private static Path inside(Bind above, String destination) {
        return above.source().resolve(destination.substring(above.destination().length() + 1));
    }

    private static Bind bind(Mount mount) {
        Path source = Path.of(mount.getSource());
        String destination = Path.of(mount.getDestination()).normalize().toString();
        if (!source.isAbsolute() || !destination.startsWith("/") || destination.equals("/")) {
            throw refused("mount " + mount.getSource() + ":" + mount.getDestination() + ": both must be absolute paths, and the destination not /");
        }
        if (!Files.exists(source)) {
            throw refused("mount source " + source + " does not exist on this node");
        }
        try {
            // CRIU can't bring back a bind mount whose source is a symlink.
            return new Bind(source.toRealPath(), destination, mount.getReadOnly());
        } catch (IOException unreadable) {
            throw new FerryException(ErrorCode.MOUNT_REFUSED, "mount source " + source + " can't be resolved: " + unreadable, unreadable);
        }
    }

    /** A mount may hide a folder of the base, as what folders a machine has must not decide what a job may ask for; never what is the sandbox's own. */
    private static void checkDestination(Bind bind, Set<String> own, Map<String, String> links) {
        String destination = bind.destination();
        String top = destination.substring(1).split("/", 2)[0];
        if (Set.of("proc", "sys", "dev", ".ferry").contains(top) || own.contains(destination)) {
            throw refused("mount destination " + destination + " is taken by the sandbox itself");
        }
        if (links.containsKey(top)) {
            throw refused("mount destination " + destination + ": /" + top + " is a symlink to " + links.get(top) + " in the job's file system; name the folder that it leads to");
        }
    }

    /** Mount points are made in the sandbox's own volumes and empty folders only: elsewhere, what is mounted below needs a place that is there. */
    private static void checkMountPoint(Bind bind, Collection<Bind> binds, Set<String> volumes, Path empty) {
        above(bind.destination(), binds)
                .filter(above -> !volumes.contains(above.destination()) && !above.source().startsWith(empty))
                .ifPresent(above -> {
                    Path place = inside(above, bind.destination());
                    if (!Files.exists(place)) {
                        throw refused(
                                "mount destination " + bind.destination() + " does not exist in " + above.source() + ", which is " + above.destination()
                                        + " in the sandbox; create it there, or use a destination under a new top-level folder");
                    }
                    if (!isPlain(place)) {
                        throw refused("mount destination " + bind.destination() + ": there is a symlink on the way to it in " + above.source() + ", which is " + above.destination() + " in the sandbox; name the folder that it leads to");
                    }
                });
    }

    /** Whether no symlink lies on a path. */
    private static boolean isPlain(Path path) {
        try {
            return path.toRealPath().equals(path);
        } catch (IOException unreadable) {
            return false;
        }
    }

    /**
     * For what lies deeper; a top-level folder that is hidden is not mounted at all. In the empty one in its place there are masks all the same: the job may go to a node that shows that folder.
     */
    private static List<String> masks(Path base, List<Path> hidden, Map<String, Bind> binds, Path empty) {
        List<String> masks = new ArrayList<>();
        for (Path path : hidden) {
            Path absolute = path.toAbsolutePath().normalize();
            if (base.equals(MACHINE) && absolute.getNameCount() > 0 && showsBase(absolute.getName(0).toString(), binds, empty) && !binds.containsKey(absolute.toString()) && Files.isDirectory(absolute)) {
                masks.add(absolute.toString());
            }
        }
        return masks;
    }

    /** Whether one of the machine's top-level folders is named among those that no job may see. */
    private static boolean isHidden(Path folder, List<Path> hidden) {
        return hidden.stream().anyMatch(path -> path.toAbsolutePath().normalize().equals(folder));
    }

    /** Whether the machine's own top-level folder, or the empty one in its place, is seen by that name. */
    private static boolean showsBase(String top, Map<String, Bind> binds, Path empty) {
        Bind bind = binds.get("/" + top);
        return bind != null && (bind.source().equals(Path.of("/", top)) || bind.source().startsWith(empty)) && !NOT_SHOWN.contains(top);
    }

    private static long depth(String path) {
        return path.chars().filter(c -> c == '/').count();
    }

    private static FerryException refused(String message) {
        return new FerryException(ErrorCode.MOUNT_REFUSED, message);
    }
}
