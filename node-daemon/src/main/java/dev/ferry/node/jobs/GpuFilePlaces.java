package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.common.Places;
import dev.ferry.node.gpu.GpuAccess;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GpuFile;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Requirements;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a job has mounted of its machine for its GPUs: files that CDI specifications name, and, of a job in a user namespace, nodes of devices. CRIU brings a job back only with all of its mounts, so wherever it comes
 * back each must have a place.
 */
final class GpuFilePlaces {
    private static final String DEVICES = "/dev/";

    private GpuFilePlaces() {}

    /**
     * What a job would have mounted here, with its sources. Most jobs have nothing, and nothing is looked at for them.
     *
     * @param folder of the job; need not be there
     */
    static List<GpuFile> here(NodeContext context, JobSpec spec, JobFolder folder, GpuAccess access) throws IOException {
        List<GpuFile> here = new ArrayList<>();
        if (!access.files().isEmpty()) {
            List<Path> hidden = context.policy().hidden();
            RootPlan.of(spec, folder, hidden).places(access.files(), hidden).forEach((file, place) -> {
                String path = file.destination().equals(place.destination()) ? "" : file.destination();
                here.add(GpuFile.newBuilder().setSource(place.source().toString()).setDestination(place.destination()).setPath(path).build());
            });
        }
        if (RootPlan.bindsDevices(spec)) {
            access.nodes().forEach(node -> here.add(GpuFile.newBuilder().setSource(node.path()).setDestination(node.path()).build()));
        }
        return here;
    }

    /**
     * Of what is here that which a job has mounted already.
     *
     * @throws FerryException NODE_INCOMPATIBLE that names what is not here
     */
    static List<GpuFile> mounted(String node, GpuFiles needed, List<GpuFile> here) {
        List<String> there = needed.getFilesList().stream().map(GpuFile::getDestination).toList();
        List<String> missing = new ArrayList<>(there);
        missing.removeAll(here.stream().map(GpuFile::getDestination).toList());
        if (!missing.isEmpty()) {
            throw new FerryException(
                    ErrorCode.NODE_INCOMPATIBLE,
                    "Node " + node + " has no file for " + Places.name(missing) + ", which the job has mounted for its GPUs: no CDI specification there names it for the GPUs that it would get, or it has no place in"
                            + " the job's file system there. Give the node the driver and the specification of the others");
        }
        return here.stream().filter(file -> there.contains(file.getDestination())).toList();
    }

    /**
     * Looks whether all is here that a job has mounted; nothing is made or written.
     *
     * @throws FerryException NODE_INCOMPATIBLE
     */
    static void require(NodeContext context, JobSpec spec, JobFolder folder, GpuAccess access, GpuFiles needed) throws IOException {
        if (needed.getFilesCount() > 0) {
            List<GpuFile> ignored = mounted(context.node(), needed, here(context, spec, folder, access));
        }
    }

    /**
     * Looks whether a job that was parked can have these GPUs: nodes that are mounted in it stay as they are.
     *
     * @throws FerryException NODE_INCOMPATIBLE
     */
    static void requireSameNodes(LocalJob job, GpuAccess access) throws IOException {
        List<String> missing = new ArrayList<>(job.record().getGpuFilesList().stream().map(GpuFile::getDestination).filter(path -> path.startsWith(DEVICES)).toList());
        missing.removeAll(access.nodes().stream().map(RootPlan.DeviceNode::path).toList());
        if (!missing.isEmpty()) {
            throw new FerryException(ErrorCode.NODE_INCOMPATIBLE, "Job " + job.id() + " has " + Places.name(missing) + " mounted, which is of other GPUs than " + access.uuids() + ": a job with a user of its own goes on on the GPUs that it had");
        }
    }

    /** What an image says of it; empty: it was made by a Ferry that did not look, or of a job without GPUs. */
    static Optional<GpuFiles> of(Requirements needs) {
        return needs.hasGpuFiles() ? Optional.of(needs.getGpuFiles()) : Optional.empty();
    }

    /** A job's file system with what it has mounted. */
    static RootPlan add(RootPlan bare, List<GpuFile> files) {
        return bare.withPlaced(binds(files, false), binds(files, true));
    }

    private static List<RootPlan.Bind> binds(List<GpuFile> files, boolean devices) {
        return files.stream().filter(file -> file.getDestination().startsWith(DEVICES) == devices).map(file -> new RootPlan.Bind(Path.of(file.getSource()), file.getDestination(), !devices)).toList();
    }

    /** What is said of a job's files: what they are on this node is nobody else's business. Empty: it has no GPUs, or it isn't known. */
    static Optional<GpuFiles> known(JobJournal record) {
        return record.getGpuFilesKnown() ? Optional.of(GpuFiles.newBuilder().addAllFiles(record.getGpuFilesList().stream().map(file -> file.toBuilder().clearSource().build()).toList()).build()) : Optional.empty();
    }
}
