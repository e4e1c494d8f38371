package dev.ferry.node.sandbox;

import dev.ferry.common.FerryException;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.posix.PosixException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The file by which those who have mounted compare what lies in a sandbox with what was judged: ferry-network after CRIU, `ferry-init mounts` after runc. A source is judged and
 * mounted by its name, and who may write above it could let the name lead elsewhere in between.
 */
public final class MountList {
    private static final String NAME = "mounts";
    /** What ferry-mounts.h says; runc quotes it. */
    private static final Pattern REFUSED = Pattern.compile("Error \\(ferry-mounts\\): (.*?)(?:\\\\n.*)?$");

    private MountList() {}

    /**
     * Writes one for a plan: of each mount the numbers of its device and of its inode and its destination, which a byte of 0 ends.
     *
     * @param folder where it is put, and nothing when there is nothing to compare
     * @param covered sources over which something else lies
     * @return the file
     */
    public static Optional<Path> write(Path folder, RootPlan plan, Collection<Path> covered) throws IOException {
        StringBuilder list = new StringBuilder();
        for (RootPlan.Outside outside : plan.outside()) {
            if (!covered.contains(outside.bind().source())) {
                list.append(Long.toUnsignedString(outside.identity().device())).append(' ').append(Long.toUnsignedString(outside.identity().inode())).append(' ').append(outside.bind().destination()).append('\0');
            }
        }
        if (list.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(Files.write(folder.resolve(NAME), list.toString().getBytes(StandardCharsets.UTF_8)));
    }

    /**
     * What a comparison has found wrong.
     *
     * @param output of CRIU, in its log, or of runc
     */
    public static Optional<FerryException> refusal(List<String> output) {
        return output.stream().map(REFUSED::matcher).filter(Matcher::find).findFirst().map(found -> refused(found.group(1)));
    }

    /** For who could not mount: whether that is because a source is not what it was any more. */
    public static Optional<FerryException> exchanged(RootPlan plan) {
        return plan.outside().stream().filter(outside -> !isThere(outside)).findFirst().map(outside -> refused("the mount " + outside.bind().destination() + " is not what was judged"));
    }

    private static boolean isThere(RootPlan.Outside outside) {
        try {
            return Posix.identity(outside.bind().source()).equals(outside.identity());
        } catch (PosixException gone) {
            return false;
        }
    }

    private static FerryException refused(String what) {
        return new FerryException(
                ErrorCode.MOUNT_REFUSED, "The job was not let run, for " + what + ": its source, or a folder above it, was exchanged or moved after this node's policy had judged it. Try again when nobody changes it");
    }
}
