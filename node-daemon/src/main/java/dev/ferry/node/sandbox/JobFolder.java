package dev.ferry.node.sandbox;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The folder of one job on a node, and what lies where in it. */
public record JobFolder(Path path) {
    /** Begin of the names of files that hold parts of logs that were cut off. */
    public static final String LOG_CUT = "log-cut-";

    /** Begin of the names of the folders of criu's runs. */
    public static final String CRIU_RUNS = "criu-";

    /** Beside {@link #root}. */
    static final String HIDDEN = "hidden";

    private static final List<String> VOLUMES = List.of("ctl", "log", "tmp", "work");

    /** Skeleton of the sandbox's root. */
    public Path root() {
        return path.resolve("root");
    }

    /** What runc reads. */
    public Path bundle() {
        return path.resolve("bundle");
    }

    /** The daemon's own copy of ferry-init: the one in the sandbox lies where the job's user may exchange it. */
    public Path helper() {
        return path.resolve("ferry-init");
    }

    /** Where CRIU's socket and logs of one run lie. */
    public Path criu(String run) {
        return path.resolve(CRIU_RUNS + run);
    }

    /** Holds an empty folder for each of the machine's top-level folders that no job may see: it is seen in that one's place. */
    public Path hidden() {
        return path.resolve(HIDDEN);
    }

    /** In which order CRIU asked for an image's files when the job came back; not there: it never did, here. */
    public Path restoreOrder() {
        return path.resolve("restore-order");
    }

    /** Devices of a stand-in for GPUs that the job was given; not there: none. */
    public Path gpu() {
        return path.resolve("gpu");
    }

    public Path control() {
        return path.resolve("ctl");
    }

    public Path log() {
        return path.resolve("log").resolve("output.log");
    }

    /** Where the part of a life's log lies that the next life does not have. */
    public Path logCut(long incarnation) {
        return path.resolve(LOG_CUT + incarnation);
    }

    /** Names of the volumes that travel with the job, in the image and in this folder. */
    public static Iterable<String> volumeNames() {
        return VOLUMES;
    }

    /**
     * @param name also one that an image from the store names, which is believed nothing: another would lead anywhere on the node
     * @throws FerryException MANIFEST_CORRUPT: it is none of {@link #volumeNames}
     */
    public Path volume(String name) {
        if (!VOLUMES.contains(name)) {
            throw new FerryException(ErrorCode.MANIFEST_CORRUPT, "A job has the folders " + String.join(", ", VOLUMES) + ", and the image has one that is named '" + name + "'");
        }
        return path.resolve(name);
    }

    /** Where each volume is seen in the sandbox. */
    Map<String, Path> volumes() {
        Map<String, Path> volumes = new LinkedHashMap<>();
        volumes.put("/tmp", volume("tmp"));
        volumes.put("/scratch", volume("work"));
        volumes.put("/.ferry/ctl", volume("ctl"));
        volumes.put("/.ferry/log", volume("log"));
        return volumes;
    }

    /** Makes the empty volumes of a job's first life. */
    public void createVolumes(int uid, int gid) throws IOException {
        for (String name : volumeNames()) {
            Path volume = volume(name);
            Files.createDirectories(volume);
            Files.setAttribute(volume, "unix:uid", uid);
            Files.setAttribute(volume, "unix:gid", gid);
            Files.setPosixFilePermissions(volume, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        Files.setAttribute(volume("tmp"), "unix:mode", 01777);
    }
}
