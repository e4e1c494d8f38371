package dev.ferry.common;

import dev.ferry.proto.v1.GpuFile;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.GpuPlaces;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * Where nodes have files that jobs see for their GPUs. A node tells four bytes of each, as a specification names some sixty and there may be a thousand nodes; a place that is taken for another one's is found out by
 * the node itself, before the job is stopped.
 */
public final class Places {
    private Places() {}

    /** What a node tells of its places. */
    public static GpuPlaces of(Collection<String> paths) {
        return GpuPlaces.newBuilder().addAllChecks(paths.stream().map(Places::check).distinct().sorted(Integer::compareUnsigned).toList()).build();
    }

    /** Paths, as their specification has them, that a job needs and a node has no file for. */
    public static List<String> missing(GpuFiles needed, GpuPlaces there) {
        Set<Integer> checks = new HashSet<>(there.getChecksList());
        return needed.getFilesList().stream().map(Places::path).filter(path -> !checks.contains(check(path))).toList();
    }

    /** Where the specification has a file. */
    public static String path(GpuFile file) {
        return file.getPath().isEmpty() ? file.getDestination() : file.getPath();
    }

    /** Some of many, for people. */
    public static String name(List<String> paths) {
        return paths.getFirst() + (paths.size() == 1 ? "" : " and " + (paths.size() - 1) + " more");
    }

    private static int check(String path) {
        CRC32C sum = new CRC32C();
        sum.update(path.getBytes(StandardCharsets.UTF_8));
        return (int) sum.getValue();
    }
}
