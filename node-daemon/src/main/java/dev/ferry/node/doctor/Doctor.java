package dev.ferry.node.doctor;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.node.NodeConfig;
import dev.ferry.node.SharedStore;
import dev.ferry.node.cgroup.CgroupLayout;
import dev.ferry.node.criu.CriuBinary;
import dev.ferry.node.gpu.GpuNode;
import dev.ferry.node.sandbox.ToolProcess;
import dev.ferry.proto.v1.StoreSight;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreId;
import dev.ferry.storage.Stores;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Looks at everything that a node needs, and at last saves and restores a small job. */
public final class Doctor {
    private static final long LITTLE_ROOM = 1L << 30;

    private final NodeConfig config;
    private final List<Check> checks = new ArrayList<>();

    private Doctor(NodeConfig config) {
        this.config = config;
    }

    /** Every check, in the order in which one builds on another. */
    public static List<Check> run(NodeConfig config) {
        Doctor doctor = new Doctor(config);
        doctor.look();
        return doctor.checks;
    }

    private interface Look {
        Check at() throws Exception;
    }

    private void check(String name, String advice, Look look) {
        try {
            checks.add(look.at());
        } catch (FerryException failed) {
            checks.add(Check.missing(name, failed.getMessage(), advice.isEmpty() ? failed.advice() : advice));
        } catch (InterruptedException ending) {
            Thread.currentThread().interrupt();
            checks.add(Check.missing(name, "was interrupted", ""));
        } catch (Exception failed) {
            checks.add(Check.missing(name, failed.toString(), advice));
        }
    }

    private void look() {
        check("root", "", () -> Machine.isRoot() ? Check.ok("root", "runs as root") : Check.missing("root", "does not run as root", "run the daemon and this command as root"));
        check("kernel", "", this::kernel);
        check("cgroups", "mount cgroup2, or the v1 hierarchies freezer, cpu, memory and devices", this::cgroups);
        check("runc", "install the package runc", () -> Check.ok("runc", Machine.findRunc(config.runc()) + ", " + version(Machine.findRunc(config.runc()))));
        check("criu", "", () -> Check.ok("criu", criu().path() + ", version " + criu().version()));
        check("criu check", "read what 'criu check --all' says", this::criuCheck);
        check("dirty pages", "", this::dirtyTracking);
        check("gpu", "", this::gpu);
        check("room", "", this::room);
        check("store", "", this::store);
        boolean fit = checks.stream().noneMatch(check -> check.status() == Check.Status.MISSING);
        if (fit && !Thread.currentThread().isInterrupted()) {
            check("save, restore", "read the lines above; 'dmesg' may say more", () -> SelfTest.run(config, criu()));
        }
    }

    private static String version(Path runc) {
        return Machine.run(runc.toString(), "--version").lines().findFirst().orElse("tells no version");
    }

    private CriuBinary criu() {
        return CriuBinary.find(configured());
    }

    private @Nullable Path configured() {
        return config.criu().isEmpty() ? null : Path.of(config.criu());
    }

    private Check kernel() throws IOException {
        String release = Files.readString(Path.of("/proc/sys/kernel/osrelease")).trim();
        String[] parts = release.split("[^0-9]+", -1);
        int major = Integer.parseInt(parts[0]);
        int minor = Integer.parseInt(parts[1]);
        boolean enough = major > 5 || (major == 5 && minor >= 9);
        return enough ? Check.ok("kernel", release) : Check.missing("kernel", release, "Linux 5.9 or newer is needed (CAP_CHECKPOINT_RESTORE, pidfd_getfd)");
    }

    private Check cgroups() throws IOException {
        CgroupLayout layout = CgroupLayout.ofThisMachine();
        String freezer = layout.unified().isPresent() ? "cgroup.freeze of v2" : "v1 freezer";
        List<String> absent = Stream.of("cpu", "memory").filter(controller -> !layout.limits(controller)).toList();
        if (!absent.isEmpty()) {
            return Check.missing("cgroups", layout.kind() + ", in which nothing limits the jobs' " + String.join(" and ", absent), "mount cgroup2 with the controllers cpu, memory and pids, or the v1 hierarchies of these");
        }
        if (!layout.limits("pids")) {
            return Check.warning("cgroups", layout.kind() + ", in which nothing limits how many processes a job has", "mount cgroup2 with the controller pids, or its v1 hierarchy");
        }
        return Check.ok("cgroups", layout.kind() + ", jobs are frozen by " + freezer);
    }

    private Check criuCheck() {
        ToolProcess.Answer answer = criu().ask("check");
        if (answer.status() == 0) {
            return Check.ok("criu check", "all that is needed works");
        }
        String first = answer.text().lines().filter(line -> line.contains("Error")).findFirst().orElse("exit status " + answer.status());
        // On some machines a check of something that Ferry does not use fails; the self-test decides.
        return Check.warning("criu check", first, "the test at the end tells whether it matters");
    }

    private Check dirtyTracking() {
        boolean there = criu().ask("check", "--feature", "mem_dirty_track").status() == 0;
        return there ? Check.ok("dirty pages", "the kernel tracks them") : Check.ok("dirty pages", "not tracked by this kernel; unchanged memory is found by its hash");
    }

    private Check gpu() throws Exception {
        try (GpuNode gpu = GpuNode.open(config.gpu(), Path.of(config.data()).resolve("gpu"))) {
            List<String> sick = gpu.found().stream().filter(device -> !device.sick().isEmpty()).map(device -> device.uuid() + ": " + device.sick()).toList();
            if (!sick.isEmpty()) {
                return Check.warning("gpu", String.join("; ", sick), "reset or replace them; they get no jobs");
            }
            boolean noneWanted = config.gpu().standIn().isEmpty() && !Files.isDirectory(Path.of("/proc/driver/nvidia"));
            GpuNode.CdiFindings cdi = gpu.cdiFindings();
            if (gpu.isThere() && !cdi.problems().isEmpty()) {
                String advice = "write the specification anew (nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml); until then jobs get what Ferry knows itself of their GPUs";
                return Check.warning("gpu", gpu.describe() + "; CDI: " + String.join("; ", cdi.problems()), advice);
            }
            if (gpu.canSave() || noneWanted) {
                return Check.ok("gpu", gpu.describe() + (gpu.isThere() && cdi.used() ? "; jobs get what NVIDIA's CDI specification names" : ""));
            }
            return Check.warning("gpu", gpu.describe(), "install NVIDIA driver 570 or newer (580 to move jobs between GPUs), or its program cuda-checkpoint; jobs without GPUs are not touched by this");
        }
    }

    private Check room() throws IOException {
        Path folder = Path.of(config.data());
        long free = Files.getFileStore(Machine.nearestFolder(folder)).getUsableSpace();
        String found = Sizes.format(free) + " free for " + folder;
        return free < LITTLE_ROOM ? Check.warning("room", found, "jobs' scratch folders and logs lie there: give it more room") : Check.ok("room", found);
    }

    private Check store() throws IOException {
        try (ObjectStore store = Stores.open(config.store())) {
            Stores.probe(store);
            return sameStore(store, Path.of(config.data()));
        }
    }

    /**
     * Whether it is the coordinator's, as far as that can be known from here.
     *
     * @param data the daemon's folder, where what the coordinator said last lies
     */
    static Check sameStore(ObjectStore store, Path data) throws IOException {
        String found = store.describe() + " can be written and read";
        Optional<String> id = StoreId.read(store);
        Optional<StoreSight> coordinators = SharedStore.coordinators(data);
        if (coordinators.isPresent() && !id.equals(Optional.of(coordinators.get().getId()))) {
            String advice = "set store.url to the coordinator's (" + coordinators.get().getPlace() + "), a bucket or a folder that every machine mounts, and restart the daemon; as long as it is another one the node gets no jobs";
            return Check.missing("store", found + ", but it is not the store that the coordinator works with", advice);
        }
        if (id.isEmpty()) {
            return Check.warning("store", found + "; no coordinator has worked with it yet", "if the coordinator runs already, its store is another one: set store.url to the same, a bucket or a folder that every machine mounts");
        }
        return Check.ok("store", found + (coordinators.isPresent() ? "; it is the coordinator's" : "; a coordinator works with it"));
    }
}
