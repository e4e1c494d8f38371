package dev.ferry.node.gpu;

import dev.ferry.common.FerryException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * NVIDIA's CDI specifications of this machine, where there are any: what a container gets with each GPU, as the driver's installation wrote it down. One that is not sound is as good as none; what is wrong with it is
 * said.
 *
 * @param devices edits by the names that the files give to devices: UUIDs, indices, or both
 * @param problems of files that are not used, one line each
 */
record CdiSpecs(Map<String, CdiEdits> devices, List<String> problems) {
    private static final int MOST_FILES = 64;

    /**
     * @param folders a device of a later one goes before that of an earlier one; what is not there has no files
     */
    static CdiSpecs read(List<String> folders) {
        Map<String, CdiEdits> devices = new HashMap<>();
        List<String> problems = new ArrayList<>();
        for (String folder : folders) {
            for (Path file : files(Path.of(folder), problems)) {
                try {
                    CdiFile.read(file).ifPresent(sound -> devices.putAll(sound.devices()));
                } catch (FerryException wrong) {
                    problems.add(file + ": " + wrong.getMessage());
                }
            }
        }
        return new CdiSpecs(Map.copyOf(devices), List.copyOf(problems));
    }

    private static List<Path> files(Path folder, List<String> problems) {
        List<Path> files = new ArrayList<>();
        if (!Files.isDirectory(folder)) {
            return files;
        }
        try (DirectoryStream<Path> there = Files.newDirectoryStream(folder, "*.{json,yaml,yml}")) {
            for (Path file : there) {
                if (Files.isRegularFile(file)) {
                    files.add(file);
                }
            }
        } catch (IOException unreadable) {
            problems.add(folder + " can't be read: " + unreadable.getMessage());
        }
        files.sort(null);
        if (files.size() > MOST_FILES) {
            problems.add(folder + " holds more than " + MOST_FILES + " specifications; the first are read");
        }
        return files.subList(0, Math.min(MOST_FILES, files.size()));
    }

    boolean isEmpty() {
        return devices.isEmpty();
    }

    /**
     * What a job gets with its GPUs; empty: no specification knows one of them.
     *
     * @param found all GPUs of the machine in the order of NVML, whose places are their indices
     */
    Optional<CdiEdits> of(List<GpuDevice> given, List<GpuDevice> found) {
        CdiEdits all = CdiEdits.NONE;
        for (GpuDevice device : given) {
            Optional<CdiEdits> edits = of(device, found.indexOf(device));
            if (edits.isEmpty()) {
                return Optional.empty();
            }
            all = all.with(edits.get());
        }
        return given.isEmpty() ? Optional.empty() : Optional.of(all);
    }

    private Optional<CdiEdits> of(GpuDevice device, int index) {
        String own = "nvidia" + device.minor();
        for (String name : List.of(device.uuid(), Integer.toString(index), "gpu" + index)) {
            // One that names another GPU's node, or none, would give the job what is not its own, or nothing.
            Optional<CdiEdits> sound =
                    Optional.ofNullable(devices.get(name)).filter(edits -> edits.nodes().contains(own) && edits.nodes().stream().noneMatch(node -> node.matches("nvidia[0-9]+") && !node.equals(own)));
            if (sound.isPresent()) {
                return sound;
            }
        }
        return Optional.empty();
    }

    /** Which GPUs no specification describes rightly. */
    List<String> unknown(List<GpuDevice> found) {
        return found.stream().filter(device -> of(device, found.indexOf(device)).isEmpty()).map(GpuDevice::uuid).toList();
    }
}
