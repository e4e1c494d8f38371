package dev.ferry.node.gpu;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.ferry.common.FerryException;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * One file of the Container Device Interface (cncf-tags/container-device-interface, SPEC.md; YAML or JSON): what containers get for each device of a kind. Of NVIDIA's GPUs are taken: device nodes of GPUs and
 * what goes with them, NVIDIA_* of the environment, and regular files and folders, read-only. Hooks are not: they would run in a sandbox that CRIU brings back without them.
 *
 * <p>It is the machine's administrator who wrote it, and it decides what sandboxes see: a file that another user could have written is refused, and so is all that isn't as the specification has it.
 *
 * @param devices edits by name, those for all devices among them
 */
record CdiFile(Map<String, CdiEdits> devices) {
    static final String KIND = "nvidia.com/gpu";

    private static final YAMLMapper YAML = new YAMLMapper();
    private static final int MOST_BYTES = 256 << 10;
    private static final int MOST_ENTRIES = 1000;
    private static final int MOST_TEXT = 4096;
    private static final Pattern NODE = Pattern.compile("/dev/(nvidia[0-9]{1,4}|nvidiactl|nvidia-uvm|nvidia-uvm-tools|nvidia-modeset)");
    /** Never CUDA_VISIBLE_DEVICES: the driver refuses maps for a process that has it. */
    private static final Pattern WORD = Pattern.compile("(NVIDIA_[A-Z0-9_]{1,64})=(.*)");
    private static final Set<PosixFilePermission> OTHERS_WRITE = Set.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);

    /**
     * Reads a file.
     *
     * @return empty: it is of another kind of devices
     * @throws FerryException CONFIG_INVALID that says what is wrong with it
     */
    static Optional<CdiFile> read(Path file) {
        try {
            requireThatOnlyRootWrites(file);
            if (Files.size(file) > MOST_BYTES) {
                throw wrong("it has more than " + MOST_BYTES + " bytes");
            }
            // JSON is YAML.
            JsonNode whole = YAML.readTree(Files.readString(file));
            if (whole == null || !whole.isObject() || !whole.path("cdiVersion").isTextual() || !whole.path("kind").isTextual()) {
                throw wrong("it is no CDI specification: cdiVersion and kind are missing");
            }
            return whole.path("kind").textValue().equals(KIND) ? Optional.of(of(whole)) : Optional.empty();
        } catch (IOException unreadable) {
            String first = String.valueOf(unreadable.getMessage()).lines().findFirst().orElse("");
            throw new FerryException(ErrorCode.CONFIG_INVALID, "it can't be read: " + first, unreadable);
        }
    }

    private static void requireThatOnlyRootWrites(Path file) throws IOException {
        boolean rootOwns = Integer.valueOf(0).equals(Files.getAttribute(file, "unix:uid"));
        if (!rootOwns || Files.getPosixFilePermissions(file).stream().anyMatch(OTHERS_WRITE::contains)) {
            throw wrong("others than root may write it");
        }
    }

    private static CdiFile of(JsonNode whole) {
        CdiEdits common = edits(whole.path("containerEdits"));
        if (common.nodes().stream().anyMatch(node -> node.matches("nvidia[0-9]+"))) {
            throw wrong("it gives a GPU to every container");
        }
        Map<String, CdiEdits> devices = new LinkedHashMap<>();
        for (JsonNode device : list(whole, "devices")) {
            String name = text(device, "name");
            if (devices.put(name, common.with(edits(device.path("containerEdits")))) != null) {
                throw wrong("device " + name + " is there twice");
            }
        }
        return new CdiFile(Map.copyOf(devices));
    }

    private static CdiEdits edits(JsonNode edits) {
        if (edits.isMissingNode()) {
            return CdiEdits.NONE;
        }
        if (!edits.isObject()) {
            throw wrong("containerEdits is no object");
        }
        Set<String> nodes = new TreeSet<>();
        for (JsonNode node : list(edits, "deviceNodes")) {
            String path = text(node, "path");
            boolean taken = NODE.matcher(path).matches();
            if (taken && node.has("hostPath") && !text(node, "hostPath").equals(path)) {
                throw wrong("device node " + path + " is another one of the machine: " + text(node, "hostPath"));
            }
            if (taken) {
                nodes.add(path.substring("/dev/".length()));
            }
        }
        Map<String, String> environment = new LinkedHashMap<>();
        for (JsonNode word : list(edits, "env")) {
            var matcher = WORD.matcher(word.isTextual() ? word.textValue() : "");
            if (matcher.matches() && matcher.group(2).length() <= MOST_TEXT && matcher.group(2).chars().noneMatch(Character::isISOControl)) {
                environment.put(matcher.group(1), matcher.group(2));
            } else if (!word.isTextual() || word.textValue().indexOf('=') < 1) {
                throw wrong("env holds '" + word + "', which is not NAME=VALUE");
            }
        }
        List<RootPlan.Bind> files = new ArrayList<>();
        for (JsonNode mount : list(edits, "mounts")) {
            Path source = path(mount, "hostPath");
            Path destination = path(mount, "containerPath");
            // Sockets, and what is not on this machine, are left: the first would tie the job to a process outside.
            if (Files.isRegularFile(source) || Files.isDirectory(source)) {
                files.add(new RootPlan.Bind(source, destination.toString(), true));
            }
        }
        return new CdiEdits(nodes, environment, files);
    }

    private static JsonNode list(JsonNode in, String key) {
        JsonNode list = in.path(key);
        if (!list.isMissingNode() && !list.isArray()) {
            throw wrong(key + " is no list");
        }
        if (list.size() > MOST_ENTRIES) {
            throw wrong(key + " has more than " + MOST_ENTRIES + " entries");
        }
        return list;
    }

    private static String text(JsonNode in, String key) {
        // A name may be written as a number: the index of a GPU.
        JsonNode value = in.path(key);
        if (!value.isTextual() && !value.isInt() || value.asText().isEmpty() || value.asText().length() > MOST_TEXT) {
            throw wrong(key + " is missing in " + (in.toString().length() > 100 ? in.toString().substring(0, 100) + "..." : in));
        }
        return value.asText();
    }

    private static Path path(JsonNode in, String key) {
        String text = text(in, key);
        if (text.chars().anyMatch(Character::isISOControl) || !text.startsWith("/") || !Path.of(text).normalize().equals(Path.of(text)) || text.equals("/")) {
            throw wrong(key + " '" + text + "' is no absolute path of a file");
        }
        return Path.of(text);
    }

    private static FerryException wrong(String what) {
        return new FerryException(ErrorCode.CONFIG_INVALID, what);
    }
}
