package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Places;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuFile;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.storage.ImageReader;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Jobs with GPU state through real CRIU, between two nodes whose GPUs have other UUIDs. All GPUs are stand-ins. */
class GpuStandInIT {
    private static final String[] TRAINING = {"300", "3", "2"};

    private ObjectStore store;
    private TestingGpuNode one;
    private TestingGpuNode two;

    @BeforeEach
    void open(@TempDir Path folder) throws Exception {
        store = Stores.open(StoreConfig.ofUrl("file://" + folder.resolve("store")));
        Images images = new Images(store);
        one = new TestingGpuNode(folder, "one", "stand-in:2xH100:580:1GiB", images, "10s", "20s");
        two = new TestingGpuNode(folder, "two", "stand-in:3xH100:580:1GiB", images, "10s", "20s");
    }

    @AfterEach
    void close() throws Exception {
        one.close();
        two.close();
        store.close();
    }

    /** The meter looks each few seconds, beside whatever is done with a job. */
    @Test
    void severalMayLookAtTheGpusAtATime() throws Exception {
        List<Callable<Integer>> looks = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            looks.add(() -> one.gpu.devices().size());
        }
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (Future<Integer> look : threads.invokeAll(looks)) {
                assertThat(look.get()).isEqualTo(2);
            }
        }
    }

    @Test
    void aTrainingOfThreeProcessesOnTwoGpusMovesThreeTimesAndEndsBitIdentical() throws Exception {
        List<String> reference = GpuJobs.reference(one, one.cards.jobs().resolve("train"), TRAINING);
        GpuJobs job = new GpuJobs(one, 2, "train", TRAINING);
        job.start(one, one.uuids());
        job.awaitSteps(one, 20);
        CommandResult saved = job.move(one, two, two.uuids().subList(1, 3));
        assertThat(saved.getGpuFreeAt()).isPositive().isLessThanOrEqualTo(saved.getImage().getCreatedAt());
        assertThat(saved.getImage().getGpuProcessesCount()).isEqualTo(3);
        assertThat(saved.getImage().getRequirements().getGpuStandIn()).isTrue();
        assertThat(one.cards.used()).isZero();
        job.awaitSteps(two, 20);
        CommandResult again = job.move(two, one, List.of(one.uuids().get(1), one.uuids().get(0)));
        assertThat(restoreOrder(saved)).as("it had never come back").isEmpty();
        assertThat(restoreOrder(again)).startsWith("inventory.img", "pstree.img").contains("pages-1.img", "pages-2.img", "pages-3.img");
        job.awaitSteps(one, 20);
        job.move(one, two, two.uuids().subList(0, 2));
        job.awaitEnd(two);
        assertThat(two.log(job.id)).isEqualTo(reference);
        await().atMost(TestingGpuNode.SOON).untilAsserted(() -> assertThat(one.cards.used() + two.cards.used()).isZero());
    }

    /** Names of the files, as the image tells the restore after this one. */
    private List<String> restoreOrder(CommandResult dumped) {
        try (ImageReader image = new Images(store).read(dumped.getImage().getId())) {
            return image.manifest().getRestoreOrderList().stream().map(index -> image.manifest().getFiles(index).getName()).toList();
        }
    }

    @Test
    void aParkedJobLeavesItsGpusToAnotherAndComesBackOnOthers() throws Exception {
        String[] training = {"200", "1", "8"};
        List<String> reference = GpuJobs.reference(two, two.cards.jobs().resolve("train.py"), "200", "8");
        GpuJobs job = new GpuJobs(two, 1, "train.py", "200", "8");
        job.start(two, two.uuids().subList(0, 1));
        job.awaitSteps(two, 10);
        long limit = two.cgroup(job.id).limits().memory();
        CommandResult parked = two.succeed(job.park());
        assertThat(parked.getJob().getState()).isEqualTo(LocalState.LOCAL_PARKED);
        assertThat(parked.getGpuFreeAt()).isPositive();
        assertThat(two.cards.used()).isZero();
        assertThat(two.cgroup(job.id).isFrozen()).isTrue();
        assertThat(two.cgroup(job.id).limits().memory()).isGreaterThan(limit);
        GpuJobs other = new GpuJobs(two, 1, "train", training);
        other.start(two, two.uuids().subList(0, 1));
        other.awaitSteps(two, 10);
        // The rung below, without thawing, while another job has its GPU.
        CommandResult stored = two.succeed(job.dump(false));
        assertThat(stored.getJob().getState()).isEqualTo(LocalState.LOCAL_PARKED);
        assertThat(two.cgroup(job.id).isFrozen()).isTrue();
        two.succeed(job.unpark(two.uuids().subList(2, 3)));
        assertThat(two.cgroup(job.id).limits().memory()).isEqualTo(limit);
        job.awaitEnd(two);
        other.awaitEnd(two);
        assertThat(two.log(job.id)).isEqualTo(reference);
    }

    @Test
    void whatAJobDoesWithItsGpusIsCountedWhileItHasThem() throws Exception {
        GpuJobs job = new GpuJobs(one, 2, "train", "100000", "2", "1", "30");
        job.start(one, one.uuids());
        job.awaitSteps(one, 3);
        await().atMost(TestingGpuNode.SOON).until(() -> one.cards.used() > 0);
        one.look();
        long held = one.samples.getLast().getPeakBytes();
        assertThat(held).isPositive().isLessThanOrEqualTo(one.cards.used());
        assertThat(one.samples.getLast().getSampledMillis()).as("one look tells no time").isZero();
        one.linked = false;
        long began = System.nanoTime();
        // The kernels of these steps take 30 ms each: a look meets one sooner or later.
        await().atMost(TestingGpuNode.SOON).pollInterval(Duration.ofMillis(20)).until(() -> {
            one.linked = false;
            one.look();
            one.linked = true;
            one.look();
            return one.samples.getLast().getBusyMillis() > 0;
        });
        long passed = (System.nanoTime() - began) / 1_000_000;
        assertThat(one.samples).allSatisfy(sample -> assertThat(sample.getBusyMillis()).isLessThanOrEqualTo(sample.getSampledMillis()));
        assertThat(one.samples.stream().mapToLong(GpuSample::getSampledMillis).sum()).as("of two GPUs, also what could not be told at once").isBetween(passed / 2, 2 * (passed + 1000));
        assertThat(one.samples.getLast().getPeakBytes()).isGreaterThanOrEqualTo(held);
        // Parked it has none: nothing is counted, whoever has its GPUs now.
        int told = one.samples.size();
        one.succeed(job.park());
        one.look();
        one.look();
        assertThat(one.samples).hasSize(told);
        one.succeed(job.unpark(one.uuids()));
        one.look();
        assertThat(one.samples.getLast().getSampledMillis()).as("the time in which it was parked is not its").isZero();
        assertThat(one.samples.getLast().getIncarnation()).isEqualTo(1);
    }

    private String sick(int minor) {
        return one.gpu.health().getGpusList().stream().filter(gpu -> gpu.getMinor() == minor).findFirst().orElseThrow().getSick();
    }

    private void play(String command) throws Exception {
        assertThat(one.cards.control(command)).isEqualTo("ok\n");
    }

    /** The fabric manager is not up yet, say: what fails at first is begun again, and until then nothing is saved that would not come back. */
    @Test
    void aDriverThatIsNotWellAtFirstIsUsedLater(@TempDir Path folder) throws Exception {
        Path cards = Files.createDirectories(folder.resolve("late/cards"));
        List<Path> faults = new ArrayList<>();
        for (String fault : List.of("nvml-fails", "cuinit-fails", "no-persistence")) {
            faults.add(Files.createFile(cards.resolve(fault)));
        }
        try (TestingGpuNode late = new TestingGpuNode(folder, "late", "stand-in:1xH100:580:1GiB", new Images(store), "10s", "20s");
                GpuWatch watch = GpuWatch.start(late.gpu, Duration.ofMillis(50)).orElseThrow()) {
            assertThat(watch).isNotNull();
            AtomicInteger told = new AtomicInteger();
            late.gpu.onHealth(told::incrementAndGet);
            assertThat(late.gpu.isThere()).isFalse();
            Files.delete(faults.get(0));
            await().atMost(TestingGpuNode.SOON).until(() -> late.gpu.usable() == 1 && late.gpu.health().getCanMap());
            assertThat(told.get()).isPositive();
            assertThat(late.gpu.canSave()).isFalse();
            GpuJobs job = new GpuJobs(late, 1, "train", "100000", "1", "1");
            job.start(late, late.uuids());
            job.awaitSteps(late, 3);
            CommandResult refused = late.order(job.park());
            assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.GPU_UNAVAILABLE);
            assertThat(refused.getError().getMessage()).contains("was not touched", "cuInit answers", "persistence mode");
            Files.delete(faults.get(1));
            await().atMost(TestingGpuNode.SOON).until(late.gpu::canSave);
            late.succeed(job.park());
            late.succeed(job.unpark(late.uuids()));
            job.awaitSteps(late, 3);
        }
    }

    @Test
    void howTheGpusAreIsSeenWhileTheDaemonRuns() throws Exception {
        AtomicInteger told = new AtomicInteger();
        one.gpu.onHealth(told::incrementAndGet);
        GpuJobs job = new GpuJobs(one, 2, "train", "100000", "2", "1");
        job.start(one, one.uuids());
        job.awaitSteps(one, 3);
        try (GpuWatch watch = GpuWatch.start(one.gpu, Duration.ofMillis(50)).orElseThrow()) {
            assertThat(watch).isNotNull();
            play("health 0 0 3 0");
            await().atMost(TestingGpuNode.SOON).until(() -> told.get() == 1);
            assertThat(sick(0)).startsWith("3 uncorrected memory errors");
            assertThat(one.gpu.usable()).isEqualTo(1);
            job.awaitSteps(one, 3);
            play("health 0 0 0 1");
            await().atMost(TestingGpuNode.SOON).until(() -> sick(0).contains("fallen off the bus"));
            play("health 0 0 0 0 1");
            await().atMost(TestingGpuNode.SOON).until(() -> sick(0).contains("remapped"));
            play("health 0 0 0 0 0");
            await().atMost(TestingGpuNode.SOON).until(() -> one.gpu.usable() == 2);
            play("mig 1 1");
            await().atMost(TestingGpuNode.SOON).until(() -> one.gpu.usable() == 1);
            assertThat(one.gpu.health().getGpusList()).filteredOn(Gpu::getMig).extracting(Gpu::getMinor).containsExactly(1);
            play("mig 1 0");
            await().atMost(TestingGpuNode.SOON).until(() -> one.gpu.usable() == 2);
        }
        job.awaitSteps(one, 3);
    }

    @Test
    void gpusThatComeAndGoAreFoundWhileTheDaemonRuns() throws Exception {
        AtomicInteger told = new AtomicInteger();
        one.gpu.onHealth(told::incrementAndGet);
        GpuJobs job = new GpuJobs(one, 1, "train", "100000", "1", "1");
        job.start(one, one.uuids().subList(0, 1));
        job.awaitSteps(one, 3);
        try (GpuWatch watch = GpuWatch.start(one.gpu, Duration.ofMillis(50)).orElseThrow()) {
            assertThat(watch).isNotNull();
            play("xid 1 119");
            await().atMost(TestingGpuNode.SOON).until(() -> sick(1).startsWith("Xid 119"));
            assertThat(told).hasValue(1);
            play("appear 2");
            await().atMost(TestingGpuNode.SOON).until(() -> one.gpu.health().getGpusCount() == 3);
            await().atMost(TestingGpuNode.SOON).until(() -> told.get() == 2);
            assertThat(one.gpu.usable()).isEqualTo(2);
            assertThat(one.gpu.health().getPlaces()).isEqualTo(one.gpu.places());
            GpuJobs next = new GpuJobs(one, 1, "train", "100000", "1", "1");
            next.start(one, one.uuids().subList(2, 3));
            next.awaitSteps(one, 3);
            one.succeed(next.park());
            one.succeed(next.unpark(one.uuids().subList(2, 3)));
            next.awaitSteps(one, 3);
            play("xid 2 79");
            await().atMost(TestingGpuNode.SOON).untilAsserted(() -> assertThat(sick(2)).as("also of one that came later").startsWith("Xid 79"));
            // Nobody takes it from the job that has it.
            play("vanish 0");
            await().atMost(TestingGpuNode.SOON).until(() -> sick(0).contains("fallen off the bus"));
            assertThat(one.gpu.usable()).isZero();
            job.awaitSteps(one, 3);
            assertThat(one.gpu.given(one.uuids().subList(0, 1))).hasSize(1);
            play("appear 0");
            await().atMost(TestingGpuNode.SOON).until(() -> sick(0).isEmpty());
            assertThat(sick(1)).as("what was heard is kept").startsWith("Xid 119");
            assertThat(sick(2)).startsWith("Xid 79");
            one.succeed(job.park());
            one.succeed(job.unpark(one.uuids().subList(0, 1)));
            job.awaitSteps(one, 3);
        }
    }

    @Test
    void errorsOfTheDriverAreHeardAndKeptByTheHelper() throws Exception {
        try (GpuWatch watch = GpuWatch.start(one.gpu, Duration.ofMillis(50)).orElseThrow()) {
            assertThat(watch).isNotNull();
            play("xid 1 31");
            play("xid 0 13");
            play("xid 0 119");
            await().atMost(TestingGpuNode.SOON).until(() -> !sick(0).isEmpty());
            assertThat(sick(0)).startsWith("Xid 119: ");
            assertThat(sick(1)).as("a page fault is a program's").isEmpty();
        }
        try (GpuNode next = one.openAgain()) {
            assertThat(next.usable()).as("for a daemon that was started anew").isEqualTo(1);
        }
    }

    @Test
    void anNvmlThatHangsHoldsUpNobody() throws Exception {
        AtomicInteger told = new AtomicInteger();
        one.gpu.onHealth(told::incrementAndGet);
        try (GpuWatch watch = GpuWatch.start(one.gpu, Duration.ofMillis(50)).orElseThrow()) {
            assertThat(watch).isNotNull();
            play("mute 1");
            play("health 0 0 3 0");
            GpuJobs job = new GpuJobs(one, 2, "train", "100000", "1", "1");
            job.start(one, one.uuids());
            job.awaitSteps(one, 3);
            one.succeed(job.kill());
            assertThat(one.gpu.usable()).as("what was seen last holds").isEqualTo(2);
            assertThat(told).hasValue(0);
            play("mute 0");
            await().atMost(TestingGpuNode.SOON).until(() -> told.get() == 1);
        }
    }

    /** Writes a specification of all GPUs of a node, with one file of its own that is seen at some places. */
    private static void specify(TestingGpuNode node, Path machine, String... places) throws Exception {
        Path library = Files.writeString(machine.resolve("libnvidia.so." + node.uuids().size()), "of " + node.uuids().getFirst());
        StringBuilder devices = new StringBuilder();
        for (GpuDevice device : node.gpu.found()) {
            devices.append("- {name: ").append(device.uuid()).append(", containerEdits: {deviceNodes: [{path: /dev/nvidia").append(device.minor()).append("}]}}\n");
        }
        String mounts = Stream.of(places).map(place -> "{hostPath: " + library + ", containerPath: " + place + ", options: [ro, bind]}").collect(Collectors.joining(", "));
        node.specify("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n" + devices + "containerEdits:\n  env: [NVIDIA_VISIBLE_DEVICES=void]\n  mounts: [" + mounts + "]\n");
    }

    @Test
    void aNodeThatLacksAFileOfTheJobsGpusSaysSoBeforeItIsTried(@TempDir Path machine) throws Exception {
        specify(one, machine, "/driver/libnvidia.so");
        GpuJobs job = new GpuJobs(one, 1, "train", "100000", "1", "1");
        GpuFiles files = job.start(one, one.uuids().subList(0, 1)).getGpuFiles();
        assertThat(files).isEqualTo(GpuFiles.newBuilder().addFiles(GpuFile.newBuilder().setDestination("/driver/libnvidia.so")).build());
        assertThat(Places.missing(files, one.gpu.places())).isEmpty();
        assertThat(Places.missing(files, two.gpu.places())).containsExactly("/driver/libnvidia.so");
        assertRefused(two.order(job.check(two.uuids().subList(0, 1), files)));
        job.awaitSteps(one, 3);
        Requirements needs = one.succeed(job.dump(true)).getImage().getRequirements();
        assertThat(needs.getGpuFiles()).isEqualTo(files);
        one.succeed(job.kill());
        assertRefused(two.order(job.restore(two.uuids().subList(0, 1))));
        // There is more on that node than the job has: of that nothing is wanted of the next one.
        specify(two, machine, "/driver/libnvidia.so", "/driver/libmore.so");
        two.succeed(job.check(two.uuids().subList(0, 1), files));
        assertThat(two.succeed(job.restore(two.uuids().subList(0, 1))).getGpuFiles()).isEqualTo(files);
        job.awaitSteps(two, 3);
        assertThat(two.succeed(job.dump(false)).getImage().getRequirements().getGpuFiles()).isEqualTo(files);
    }

    private static void assertRefused(CommandResult refused) {
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.NODE_INCOMPATIBLE);
        assertThat(refused.getError().getMessage()).contains("Node two", "/driver/libnvidia.so", "CDI specification");
    }

    @Test
    void whatACdiSpecificationNamesIsSeenByTheJobAlsoWhereItComesBack(@TempDir Path machine) throws Exception {
        for (TestingGpuNode node : List.of(one, two)) {
            specify(node, machine, "/driver/libnvidia.so");
            assertThat(node.gpu.cdiFindings()).isEqualTo(new GpuNode.CdiFindings(true, List.of()));
        }
        GpuJobs job = new GpuJobs(one, 1, "train", "100000", "1", "1");
        job.start(one, one.uuids().subList(0, 1));
        job.awaitSteps(one, 3);
        int pid = one.cgroup(job.id).processes().getLast();
        assertThat(Files.readString(Path.of("/proc/" + pid + "/environ"))).contains("NVIDIA_VISIBLE_DEVICES=void");
        assertThat(Path.of("/proc/" + pid + "/root/driver/libnvidia.so")).hasContent("of " + one.uuids().getFirst());
        job.move(one, two, two.uuids().subList(1, 2));
        job.awaitSteps(two, 3);
        Path there = Path.of("/proc/" + two.cgroup(job.id).processes().getLast() + "/root/driver/libnvidia.so");
        assertThat(there).hasContent("of " + two.uuids().getFirst());
        two.specify("kind: [");
        assertThat(two.gpu.cdiFindings().problems()).singleElement().asString().contains("can't be read");
        // What it was given stands in the journal: the specification may be gone by the time it is saved.
        two.succeed(job.dump(false));
        job.awaitSteps(two, 3);
    }

    @Test
    void aCheckpointLetsTheJobRunOnAlsoWithWorkInFlight() throws Exception {
        GpuJobs job = new GpuJobs(one, 2, "train", "100000", "2", "1", "30");
        job.start(one, one.uuids());
        job.awaitSteps(one, 3);
        for (int round = 0; round < 2; round++) {
            one.succeed(job.dump(false));
            job.awaitSteps(one, 3);
        }
        one.succeed(job.kill());
        CommandResult refused = one.order(job.restore(two.uuids().subList(0, 2)));
        assertThat(refused.getError().getCode()).isEqualTo(ErrorCode.GPU_RESTORE_FAILED);
        one.succeed(job.restore(one.uuids()));
        job.awaitSteps(one, 3);
    }
}
