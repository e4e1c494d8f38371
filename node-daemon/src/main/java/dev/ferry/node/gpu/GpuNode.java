package dev.ferry.node.gpu;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Places;
import dev.ferry.common.Sizes;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuHealth;
import dev.ferry.proto.v1.GpuPlaces;
import dev.ferry.proto.v1.GpuUse;
import dev.ferry.proto.v1.NodeFacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The GPUs of this node and the way to their driver. A node without either is a normal one. */
public final class GpuNode implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GpuNode.class);
    private static final Path NVIDIA = Path.of("/proc/driver/nvidia/version");
    /** One folder for each GPU that the driver has taken. */
    private static final Path LISTED = Path.of("/proc/driver/nvidia/gpus");
    private static final int MAPS_SINCE = 580;

    private final GpuConfig config;
    private final @Nullable GpuHelper helper;
    private final @Nullable GpuDriver driver;
    /** Why there are no facts yet. */
    private volatile String why;
    private volatile GpuDriver.@Nullable Facts facts;
    /** Which GPUs there are, and how they are, as it was last seen. One that was here stays in it: a job may have it. */
    private volatile List<GpuDevice> found = List.of();
    /** GPUs of which the last look told nothing; guarded by this. */
    private Set<String> inDoubt = Set.of();
    private volatile Runnable onHealth = () -> {};

    private GpuNode(GpuConfig config, @Nullable GpuHelper helper, @Nullable GpuDriver driver, String why) {
        this.config = config;
        this.helper = helper;
        this.driver = driver;
        this.why = why;
    }

    /** A node that has none, for a reason. */
    public static GpuNode none(String why) {
        return new GpuNode(GpuConfig.defaults(), null, null, why);
    }

    /**
     * Looks for a driver and its GPUs. No error is one of the node: it takes jobs without GPUs then, until {@link #learn} and a look have found some.
     *
     * @param folder where the helper lives
     */
    public static GpuNode open(GpuConfig config, Path folder) throws InterruptedException {
        if (config.standIn().isEmpty() && !Files.exists(NVIDIA)) {
            return none("no NVIDIA driver: this node takes jobs without GPUs");
        }
        GpuHelper helper = new GpuHelper(folder, config);
        GpuDriver driver = new GpuDriver(helper, config);
        GpuNode node = new GpuNode(config, helper, driver, "");
        try {
            node.learn();
            node.found = GpuDevice.of(driver.devices());
        } catch (IOException | RuntimeException failed) {
            node.why = "the GPUs can't be used: " + failed.getMessage();
            LOG.warn("{}; it is tried again", node.why);
        }
        return node;
    }

    /**
     * Asks the driver what it is and can do, unless that is known and it is well. One that is not may be later: its libraries are begun before the fabric manager is up, say, and cuInit takes its time where there
     * are many GPUs; and cuda-checkpoint may not have said in time what it can do.
     */
    void learn() throws IOException, InterruptedException {
        GpuDriver.Facts known = facts;
        if (driver != null && (known == null || known.initialized() != 0 || known.version().isEmpty() || !known.canSave())) {
            GpuDriver.Facts now = driver.facts();
            facts = now;
            if (!now.equals(known)) {
                onHealth.run();
            }
        }
    }

    /** Whether a job with GPUs can run here. */
    public boolean isThere() {
        return driver != null && !found.isEmpty();
    }

    public boolean isStandIn() {
        return driver != null && !config.standIn().isEmpty();
    }

    /** Folder of the stand-in's devices; empty: they are real. */
    public Optional<Path> standIn() {
        return isStandIn() ? Optional.of(Path.of(config.standIn())) : Optional.empty();
    }

    /** Where the stand-in's libraries lie. */
    Path library() {
        return Path.of(config.library());
    }

    Path managementLibrary() {
        return Path.of(config.nvml());
    }

    Duration lockTimeout() {
        return Durations.parse(config.lockTimeout());
    }

    GpuDriver driver() {
        if (driver == null) {
            throw new FerryException(ErrorCode.GPU_UNAVAILABLE, "This node has no GPU that Ferry can use: " + why);
        }
        return driver;
    }

    /**
     * @throws FerryException GPU_UNAVAILABLE when GPU state can't be saved with this driver
     */
    void requireThatItCanSave() throws IOException, InterruptedException {
        GpuDriver ignored = driver();
        learn();
        GpuDriver.Facts now = facts;
        if (now != null && !now.canSave()) {
            throw new FerryException(ErrorCode.GPU_UNAVAILABLE, "Driver " + now.version() + " can't save GPU state: it is older than 570 and no program cuda-checkpoint that knows --action is at " + config.program());
        }
    }

    /**
     * @throws FerryException GPU_UNAVAILABLE when the driver would not bring back what it saves
     */
    void requireThatItCanRestore(List<GpuDevice> given) {
        String trouble = restoreTrouble(given);
        if (!trouble.isEmpty()) {
            throw new FerryException(ErrorCode.GPU_UNAVAILABLE, "The job was not touched: " + trouble);
        }
    }

    /** Why the driver would refuse to bring state back, which without cuInit in the caller it does only on a GPU in persistence mode; empty: it would not. */
    private String restoreTrouble(List<GpuDevice> given) {
        GpuDriver.Facts now = facts;
        if (now == null || !now.way().equals("library") || now.initialized() == 0 || given.stream().allMatch(GpuDevice::persistent)) {
            return "";
        }
        return "state could be saved and not be brought back: cuInit answers " + CudaResult.name(now.initialized()) + " in ferry-gpu, and the GPUs are not in persistence mode (nvidia-smi -pm 1, or start nvidia-persistenced)";
    }

    /** Whether a job's state can go to other GPUs than it came from. */
    boolean canMap() {
        GpuDriver.Facts now = facts;
        return now != null && now.way().equals("library") && now.major() >= MAPS_SINCE;
    }

    /** Version of the display driver; empty: not known. */
    public String version() {
        GpuDriver.Facts now = facts;
        return now == null ? "" : now.version();
    }

    /** Whether a process holds CUDA state that is neither locked nor saved. */
    public boolean isRunning(JobProcess process) throws IOException, InterruptedException {
        return driver().state(process) == CudaState.RUNNING;
    }

    /**
     * Looks whether state fits where it shall go, now.
     *
     * @param uses what each GPU of the map's left sides held, in the same order
     * @param own the job's processes: what they have there already, after a way back that was broken off, is in nobody's way
     * @throws FerryException GPU_RESTORE_FAILED that says what does not fit
     */
    public void requireThatItFits(List<GpuPair> map, List<GpuUse> uses, List<Integer> own) throws IOException, InterruptedException {
        List<GpuDevice> now = devices();
        boolean moves = map.stream().anyMatch(pair -> !pair.before().equals(pair.after()));
        if (moves && !canMap()) {
            throw new FerryException(ErrorCode.GPU_RESTORE_FAILED, "The driver here can't bring state back on other GPUs than it came from: " + describe());
        }
        for (int i = 0; i < map.size(); i++) {
            String uuid = map.get(i).after();
            GpuUse use = uses.get(i);
            GpuDevice device = now.stream().filter(one -> one.uuid().equals(uuid)).findFirst().orElseThrow(() -> new FerryException(ErrorCode.GPU_RESTORE_FAILED, "GPU " + uuid + " is not here any more"));
            if (!device.model().equals(use.getModel())) {
                throw new FerryException(ErrorCode.GPU_RESTORE_FAILED, "GPU " + uuid + " is a " + device.model() + ", the state is of a " + use.getModel());
            }
            long free = device.memoryBytes() - device.usedBytes() + device.usedBy(own);
            if (free < use.getUsedBytes()) {
                throw new FerryException(
                        ErrorCode.GPU_RESTORE_FAILED, "GPU " + uuid + " has " + Sizes.format(free) + " free, the state needs " + Sizes.format(use.getUsedBytes()) + "; in use by processes " + device.users().keySet());
            }
        }
    }

    /**
     * The GPUs of a command.
     *
     * @throws FerryException GPU_UNAVAILABLE when this node lacks one of them
     */
    public List<GpuDevice> given(List<String> uuids) {
        List<GpuDevice> given = new ArrayList<>();
        for (String uuid : uuids) {
            given.add(found.stream().filter(device -> device.uuid().equals(uuid)).findFirst().orElseThrow(() -> new FerryException(ErrorCode.GPU_UNAVAILABLE, "This node has no GPU " + uuid + ": " + describe())));
        }
        return given;
    }

    /** What CDI specifications have a job get with these GPUs; empty: there are none, or they don't know all of them. */
    Optional<CdiEdits> cdi(List<GpuDevice> given) {
        if (given.isEmpty()) {
            return Optional.empty();
        }
        CdiSpecs specs = CdiSpecs.read(config.cdi());
        Optional<CdiEdits> edits = specs.of(given, found);
        if (edits.isEmpty() && !(specs.isEmpty() && specs.problems().isEmpty())) {
            LOG.warn("no CDI specification describes GPUs {} rightly; what their job gets is what Ferry knows itself. {}", given.stream().map(GpuDevice::uuid).toList(), String.join("; ", specs.problems()));
        }
        return edits;
    }

    /** How this node's CDI specifications are, for people. */
    public CdiFindings cdiFindings() {
        CdiSpecs specs = CdiSpecs.read(config.cdi());
        List<String> problems = new ArrayList<>(specs.problems());
        List<String> unknown = specs.isEmpty() ? List.of() : specs.unknown(found);
        if (!unknown.isEmpty()) {
            problems.add("no device of kind " + CdiFile.KIND + " is " + String.join(", ", unknown) + " with its own device node");
        }
        return new CdiFindings(!specs.isEmpty(), List.copyOf(problems));
    }

    /** Where jobs can have files for their GPUs: what the specifications name for any of them, and nodes of devices. */
    GpuPlaces places() {
        CdiSpecs specs = CdiSpecs.read(config.cdi());
        Set<String> paths = new TreeSet<>();
        for (GpuDevice device : found) {
            Optional<CdiEdits> edits = specs.of(List.of(device), found);
            edits.ifPresent(known -> known.files().forEach(file -> paths.add(file.destination())));
            Stream.concat(Stream.of("nvidia" + device.minor()), edits.map(known -> known.nodes().stream()).orElse(GpuAccess.COMMON.stream())).forEach(name -> paths.add("/dev/" + name));
        }
        return Places.of(paths);
    }

    /**
     * How CDI specifications are.
     *
     * @param used whether there are any of GPUs that can be read
     */
    public record CdiFindings(boolean used, List<String> problems) {}

    /** How often it is looked what jobs do with their GPUs; empty: never, or there is no driver. */
    public Optional<Duration> sampleEvery() {
        return Optional.of(Durations.parse(config.sampleEvery())).filter(every -> hasDriver() && !every.isZero());
    }

    /** Whether GPUs could be used, of which there may be none yet. */
    boolean hasDriver() {
        return driver != null;
    }

    /** What changes when a GPU comes or goes. */
    GpuPresence presence() {
        return isStandIn() ? new GpuPresence(Path.of(config.standIn()), "nvidia*.sock") : new GpuPresence(LISTED, "*");
    }

    /** GPUs that NVML says are gone. */
    Set<String> lost() {
        return found.stream().filter(GpuDevice::isLost).map(GpuDevice::uuid).collect(Collectors.toSet());
    }

    /** Sets who is told when a GPU begins to fail, is well again, comes to MIG mode or out of it, or is new; it must not wait for anything. */
    public void onHealth(Runnable listener) {
        onHealth = listener;
    }

    /** The GPUs as they are now; whoever looks has their health noted. */
    public List<GpuDevice> devices() throws IOException, InterruptedException {
        HelperWords words = driver().devices();
        boolean ignored = note(words);
        return GpuDevice.of(words);
    }

    /**
     * Looks which GPUs there are by now; those that have come are noted.
     *
     * @return false: NVML told nothing
     */
    boolean lookAnew() throws IOException, InterruptedException {
        return note(driver().devicesAnew());
    }

    private boolean note(HelperWords words) {
        // An NVML that tells of nothing says nothing about any of them.
        boolean told = words.text("missing").isEmpty();
        if (told && note(GpuDevice.of(words))) {
            onHealth.run();
        }
        return told;
    }

    private synchronized boolean note(List<GpuDevice> now) {
        List<GpuDevice> noted = new ArrayList<>();
        Set<String> doubted = new HashSet<>();
        boolean changed = false;
        for (GpuDevice was : found) {
            boolean told = was.isTold(now);
            if (!told) {
                doubted.add(was.uuid());
            }
            // Jobs are moved off a GPU that fails: one look that told nothing of it is not enough.
            GpuDevice is = told || inDoubt.contains(was.uuid()) ? was.as(now) : was;
            if (!is.health().equals(was.health())) {
                changed = true;
                LOG.warn("GPU {} (/dev/nvidia{}) {}", is.uuid(), is.minor(), is.health().isEmpty() ? "may get jobs again" : "gets no new jobs, those on it run on: " + is.health());
            }
            changed |= is.minor() != was.minor();
            noted.add(is);
        }
        for (GpuDevice one : now) {
            if (one.isRead() && noted.stream().noneMatch(known -> known.uuid().equals(one.uuid()))) {
                changed = true;
                LOG.info("GPU {} (/dev/nvidia{}, {}) is here now{}", one.uuid(), one.minor(), one.model(), one.health().isEmpty() ? "" : ", but gets no jobs: " + one.health());
                noted.add(one);
            }
        }
        inDoubt = Set.copyOf(doubted);
        found = List.copyOf(noted);
        return changed;
    }

    /** The GPUs that were found, at the start or since, and how they were when somebody last looked. */
    public List<GpuDevice> found() {
        return found;
    }

    /** What this node is, for people: one line. */
    public String describe() {
        GpuDriver.Facts now = facts;
        if (driver == null || now == null) {
            return why;
        }
        String can =
                switch (now.way()) {
                    case "library" -> !restoreTrouble(found).isEmpty() ? restoreTrouble(found) : now.major() >= MAPS_SINCE ? "state can be saved and moved to other GPUs" : "state can be saved, and brought back on the same GPUs only (maps need driver 580)";
                    case "program" -> "state can be saved by " + config.program() + ", and brought back on the same GPUs only";
                    default -> "state can't be saved: the driver is older than 570 and there is no " + config.program() + " that knows --action";
                };
        return (isStandIn() ? "gpu: stand-in, " : "") + found.size() + " GPUs, driver " + now.version() + ", " + can;
    }

    public boolean canSave() {
        GpuDriver.Facts now = facts;
        return now != null && now.canSave() && restoreTrouble(found).isEmpty();
    }

    /** Adds what the coordinator wants to know. */
    public void addTo(NodeFacts.Builder node) {
        if (facts == null) {
            return;
        }
        GpuHealth now = health();
        node.setGpuDriver(now.getDriver()).setGpuStandIn(now.getStandIn()).setGpuCanSave(now.getCanSave()).setGpuCanMap(now.getCanMap()).setGpuNote(now.getNote());
        node.clearGpuModels().addAllGpuModels(found.stream().map(GpuDevice::model).toList());
        node.clearGpus().addAllGpus(now.getGpusList()).setGpuPlaces(now.getPlaces());
    }

    /** How the GPUs were when somebody last looked; without any where there are none. */
    public GpuHealth health() {
        GpuHealth.Builder health = GpuHealth.newBuilder().setPlaces(places()).setNote(describe()).setDriver(version()).setStandIn(isStandIn()).setCanSave(canSave()).setCanMap(canMap());
        for (GpuDevice device : found) {
            health.addGpus(Gpu.newBuilder().setUuid(device.uuid()).setModel(device.model()).setMemoryBytes(device.memoryBytes()).setMinor(device.minor()).setMig(device.mig()).setSick(device.sick()));
        }
        return health.build();
    }

    /** GPUs that may get jobs. */
    public int usable() {
        return (int) found.stream().filter(device -> device.health().isEmpty()).count();
    }

    /** The helper lives on: it may have calls in flight. */
    @Override
    public void close() throws IOException {
        if (helper != null) {
            helper.close();
        }
    }
}
