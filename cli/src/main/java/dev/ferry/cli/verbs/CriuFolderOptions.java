package dev.ferry.cli.verbs;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.node.jobs.Trees;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.storage.plain.PlainFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import picocli.CommandLine.Option;

/** What a job gets that comes from a folder of {@code criu dump}, which knows nothing of jobs. */
final class CriuFolderOptions {
    /** Nobody but its owner can exchange what lies there. */
    private static final Path WORK = Path.of("/var/tmp");

    @Option(names = "--criu", description = "Not a file, but a folder that 'criu dump' wrote; --workdir, --mount, --cpus and --memory say what 'ferry run' would be told.")
    private boolean criu;

    @Option(names = "--workdir", paramLabel = "DIR", description = "With --criu: folder of the node that the processes find at the same path and can write, where their output is for example; it is not in the images.", defaultValue = "")
    private String workdir = "";

    @Option(names = "--mount", paramLabel = "SRC:DST[:ro]", description = "With --criu: a folder or file of the node that they find at DST; it is not in the images.")
    private List<String> mounts = new ArrayList<>();

    @Option(names = "--cpus", paramLabel = "N", description = "With --criu: CPUs, also a part of one; default 1.", defaultValue = "0")
    private double cpus;

    @Option(names = "--memory", paramLabel = "SIZE", description = "With --criu: memory, for example 512MiB; default 1GiB.", defaultValue = "")
    private String memory = "";

    /** Takes what is made of a folder. */
    interface Taker<T> {
        T take(PlainFolder.Prepared image) throws IOException;
    }

    boolean isAsked() {
        return criu;
    }

    /**
     * @throws FerryException INVALID_ARGUMENT when a folder is given without --criu, or what belongs to it
     */
    void check(String file) {
        boolean folder = Files.isDirectory(Path.of(file));
        if (!criu && folder) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, file + " is a folder: if criu dump wrote it, say so with --criu (docs/image-format.md tells which dumps can become jobs); else give a file of 'ferry image export'");
        }
        if (criu && !folder) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--criu takes a folder that criu dump has written, and " + file + " is none");
        }
        if (!criu && (!workdir.isEmpty() || !mounts.isEmpty() || cpus != 0 || !memory.isEmpty())) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--workdir, --mount, --cpus and --memory belong to --criu: what 'ferry image export' wrote says itself what its job gets");
        }
    }

    private JobSpec spec() {
        JobSpec.Builder spec = JobSpec.newBuilder().setWorkdir(workdir.isEmpty() ? "" : RunVerb.absolute(workdir)).setCpuMillis(Math.round(cpus * 1000)).setMemoryBytes(memory.isEmpty() ? 0 : Sizes.parse(memory));
        mounts.forEach(mount -> spec.addMounts(RunVerb.mount(mount)));
        return spec.build();
    }

    /**
     * Makes an image of a folder, which lies beside it for as long as this lasts: there was room for the dump itself. If another user could exchange it there, it lies in /var/tmp.
     *
     * @throws FerryException INVALID_ARGUMENT that names everything that keeps the dump from becoming a job
     */
    <T> T read(Path folder, Taker<T> taker) throws IOException {
        Path work = Files.createTempDirectory(room(folder), ".ferry-import-", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        try {
            return taker.take(PlainFolder.open(folder).prepare(spec(), work));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The import was interrupted", interrupted);
        } finally {
            Trees.delete(work);
        }
    }

    private static Path room(Path folder) throws IOException {
        Path beside = Objects.requireNonNull(folder.toRealPath().getParent(), "a folder of a dump is not /");
        Set<PosixFilePermission> rights = Files.getPosixFilePermissions(beside);
        boolean open = rights.contains(PosixFilePermission.GROUP_WRITE) || rights.contains(PosixFilePermission.OTHERS_WRITE);
        boolean own = Files.getAttribute(beside, "unix:uid").equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        return own && !open ? beside : WORK;
    }
}
