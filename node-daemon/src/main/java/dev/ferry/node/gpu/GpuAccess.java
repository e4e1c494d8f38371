package dev.ferry.node.gpu;

import dev.ferry.common.FerryException;
import dev.ferry.node.posix.Posix;
import dev.ferry.node.sandbox.RootPlan;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a job sees of its node's GPUs: those that it was given and nothing else. Real ones are device nodes, allowed in the job's control
 * group; a stand-in's are sockets in a folder of the job's own, which is mounted at {@link RootPlan#STAND_IN_GPUS}. What CDI specifications have
 * beside them is read once, here: all of a start goes by the same.
 */
public final class GpuAccess {
    private static final int NVIDIA_MAJOR = 195;
    private static final Path DEVICES = Path.of("/dev");
    /** Names of device nodes that every user of a GPU needs. */
    static final List<String> COMMON = List.of("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools");

    private final GpuNode node;
    private final List<GpuDevice> given;
    private final Optional<CdiEdits> edits;

    private GpuAccess(GpuNode node, List<GpuDevice> given, Optional<CdiEdits> edits) {
        this.node = node;
        this.given = given;
        this.edits = edits;
    }

    /**
     * @param uuids the GPUs of a command
     * @throws FerryException GPU_UNAVAILABLE when this node lacks one of them
     */
    public static GpuAccess of(GpuNode node, List<String> uuids) {
        List<GpuDevice> given = node.given(uuids);
        return new GpuAccess(node, given, node.cdi(given));
    }

    public List<String> uuids() {
        return given.stream().map(GpuDevice::uuid).toList();
    }

    /** Makes or changes the folder in which a stand-in's job finds its devices; real ones need none. */
    public void fill(Path folder) throws IOException {
        if (node.standIn().isEmpty() || given.isEmpty()) {
            return;
        }
        Files.createDirectories(folder);
        Path devices = node.standIn().get();
        List<String> names = new ArrayList<>(List.of("nvidia-uvm", "gdrdrv"));
        for (GpuDevice device : given) {
            names.addAll(List.of("nvidia" + device.minor(), "nvidia" + device.minor() + ".sock"));
        }
        try (var there = Files.newDirectoryStream(folder, "nvidia[0-9]*")) {
            for (Path old : there) {
                if (!names.contains(old.getFileName().toString())) {
                    Files.delete(old);
                }
            }
        }
        for (String name : names) {
            try {
                Files.createLink(folder.resolve(name), devices.resolve(name));
            } catch (FileAlreadyExistsException there) {
                // Given before, too.
            }
        }
        for (Path library : List.of(node.library(), node.managementLibrary())) {
            Path here = folder.resolve(library.getFileName());
            if (!Files.exists(here)) {
                Files.copy(library, here, StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    /**
     * What a job's environment tells it of its GPUs. Never CUDA_VISIBLE_DEVICES: the driver refuses to map the GPUs of a process that has it, even to
     * themselves.
     *
     * @param own what the job asked for
     */
    public Map<String, String> environment(Map<String, String> own) {
        Map<String, String> told = new HashMap<>(edits.map(CdiEdits::environment).orElse(Map.of()));
        told.keySet().removeAll(own.keySet());
        if (node.isStandIn() && !given.isEmpty()) {
            String libraries = own.getOrDefault("LD_LIBRARY_PATH", "");
            told.put("FERRY_STANDIN", RootPlan.STAND_IN_GPUS);
            told.put("LD_LIBRARY_PATH", RootPlan.STAND_IN_GPUS + (libraries.isEmpty() ? "" : ":" + libraries));
        }
        return told;
    }

    /** Files of the machine that a CDI specification has jobs with these GPUs get. */
    public List<RootPlan.Bind> files() {
        return edits.map(CdiEdits::files).orElse(List.of());
    }

    /**
     * Gives a restored sandbox the device nodes of this machine: those that came with its image are of the one it left. Its processes have none
     * of them open now, which is why its set of GPUs can change here.
     *
     * @param pid a process of the sandbox
     */
    public void enter(int pid) throws IOException {
        List<RootPlan.DeviceNode> nodes = nodes();
        if (nodes.isEmpty()) {
            return;
        }
        Path devices = Path.of("/proc", Integer.toString(pid), "root", "dev");
        try (var there = Files.newDirectoryStream(devices, "nvidia*")) {
            for (Path old : there) {
                if (!Files.isDirectory(old)) {
                    Files.delete(old);
                }
            }
        }
        for (RootPlan.DeviceNode one : nodes) {
            Posix.makeDevice(devices.resolve(Path.of(one.path()).getFileName()), one.major(), one.minor());
        }
    }

    /** Those of no single GPU. */
    private static List<String> common(Set<String> nodes) {
        return nodes.stream().filter(node -> !node.matches("nvidia[0-9]+")).sorted().toList();
    }

    /**
     * What the job's control group must allow, and nothing more. For a stand-in too, whose GPUs have no nodes: what is tried on it is what a real one's
     * job gets.
     *
     * @return in the language of the v1 controller
     */
    public List<String> rules() throws IOException {
        if (node.isStandIn()) {
            return given.stream().map(device -> "c " + NVIDIA_MAJOR + ":" + device.minor() + " rw").toList();
        }
        return nodes().stream().map(one -> "c " + one.major() + ":" + one.minor() + " rw").toList();
    }

    /** The device nodes of real GPUs, with those that every user of one needs. */
    public List<RootPlan.DeviceNode> nodes() throws IOException {
        if (node.isStandIn() || given.isEmpty()) {
            return List.of();
        }
        List<RootPlan.DeviceNode> nodes = new ArrayList<>();
        given.forEach(device -> nodes.add(new RootPlan.DeviceNode("/dev/nvidia" + device.minor(), NVIDIA_MAJOR, device.minor())));
        for (String name : edits.map(CdiEdits::nodes).map(GpuAccess::common).orElse(COMMON)) {
            Path path = DEVICES.resolve(name);
            if (Files.exists(path)) {
                int number = (int) (long) Long.valueOf(String.valueOf(Files.getAttribute(path, "unix:rdev")));
                nodes.add(new RootPlan.DeviceNode(path.toString(), number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xfff00));
            }
        }
        return nodes;
    }
}
