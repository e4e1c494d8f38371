package dev.ferry.coordinator.upkeep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.common.SystemScheduler;
import dev.ferry.coordinator.UpkeepConfig;
import dev.ferry.coordinator.api.ImageVerbs;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Reserve;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.CheckStoreRequest;
import dev.ferry.proto.v1.CollectGarbageRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Retention;
import dev.ferry.proto.v1.StoreFinding;
import dev.ferry.storage.BufferPool;
import dev.ferry.storage.ByteSink;
import dev.ferry.storage.ImageWriter;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreId;
import dev.ferry.storage.object.FolderStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The coordinator's part in keeping the store: on a real database and a real folder. */
class StoreUpkeepTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir Path folder;
    private StateStore state;
    private ObjectStore objects;
    private Images images;
    private final SystemScheduler scheduler = new SystemScheduler("test");
    private final BufferPool buffers = new BufferPool(4, Images.WINDOW_BYTES);

    @BeforeEach
    void open() throws Exception {
        state = SqliteStateStore.open(folder.resolve("data"));
        objects = new FolderStore(folder.resolve("store"));
        images = new Images(objects);
    }

    @AfterEach
    void close() throws Exception {
        scheduler.close();
        state.close();
    }

    private StoreUpkeep upkeep(Duration every) {
        return new StoreUpkeep(state, images, UpkeepConfig.ofCollections("0s", "0s", "1h").terms(), every, Retention.getDefaultInstance(), new Reserve(folder), scheduler);
    }

    private Image write(String id, boolean catalogued) throws InterruptedException {
        try (ImageWriter writer = images.write(id, Optional.empty(), buffers)) {
            try (ByteSink sink = writer.file("core-1.img")) {
                sink.write(buffers.take().put(("state of " + id).getBytes(java.nio.charset.StandardCharsets.UTF_8)).flip());
            }
            Image image = writer.commit(Image.newBuilder().setJob(id.substring(0, id.indexOf('.'))).setSequence(Long.parseLong(id.substring(id.indexOf('.') + 1))).build());
            if (catalogued) {
                state.transact(
                        tables -> {
                            tables.put(image);
                            return true;
                        });
            }
            return image;
        }
    }

    @Test
    void theScheduleCollectsAgainAndAgain() throws Exception {
        upkeep(Duration.ofMillis(20)).start();
        for (String id : new String[] {"j-aaaaaaaa.1", "j-bbbbbbbb.1"}) {
            Image ignored = write(id, false);
            assertThat(objects.delete("images/" + id.replace(".1", "/0000000001.manifest"))).isPositive();
            await().atMost(SOON).until(() -> objects.list("").isEmpty());
        }
    }

    @Test
    void theCheckComparesTheCatalogueWithTheStore() throws Exception {
        Image gone = write("j-aaaaaaaa.1", true);
        Image there = write("j-bbbbbbbb.1", true);
        Image unknown = write("j-cccccccc.1", false);
        assertThat(objects.delete("images/j-aaaaaaaa/0000000001.manifest")).isPositive();
        var found = upkeep(Duration.ZERO).check(CheckStoreRequest.getDefaultInstance()).getFindingsList();
        assertThat(found).filteredOn(StoreFinding::getDamage).singleElement().satisfies(finding -> assertThat(finding.getProblem()).contains(gone.getId()));
        assertThat(found).anyMatch(finding -> !finding.getDamage() && finding.getObject().contains("j-cccccccc") && finding.getProblem().contains(unknown.getId()));
        assertThat(found).noneMatch(finding -> finding.getProblem().contains(there.getId()));
        // What only the store knows can be deleted as well.
        assertThat(new ImageVerbs(state, images, UpkeepConfig.ofCollections("0s", "0s", "1h").terms()).delete(unknown.getId()).getFreedBytes()).isPositive();
        assertThat(images.ids()).containsExactly(there.getId());
    }

    @Test
    void aCollectionOnDemandNeedNotWaitForTheGrace() throws Exception {
        Image ignored = write("j-aaaaaaaa.1", true);
        StoreUpkeep upkeep = new StoreUpkeep(state, images, UpkeepConfig.ofCollections("0s", "1h", "1h").terms(), Duration.ZERO, Retention.getDefaultInstance(), new Reserve(folder), scheduler);
        var deleted = new ImageVerbs(state, images, UpkeepConfig.ofCollections("0s", "1h", "1h").terms()).delete("j-aaaaaaaa.1");
        assertThat(deleted.getCondemnedBytes()).isPositive();
        assertThat(upkeep.collect(CollectGarbageRequest.newBuilder().setDryRun(true).build()).getFreedPacks()).isZero();
        assertThat(upkeep.lastCollected()).isZero();
        assertThat(upkeep.collect(CollectGarbageRequest.getDefaultInstance()).getFreedPacks()).isZero();
        assertThat(upkeep.lastCollected()).isPositive();
        assertThat(upkeep.collect(CollectGarbageRequest.newBuilder().setNow(true).build()).getFreedPacks()).isEqualTo(1);
        assertThat(objects.list("")).isEmpty();
    }

    /** A file system that is not mounted shows an empty folder. */
    @Test
    void nothingIsCollectedWhileTheStoreShowsNoImageOfTheCatalogue() throws Exception {
        Image there = write("j-aaaaaaaa.1", true);
        Path manifests = folder.resolve("store/images");
        Path away = Files.move(manifests, folder.resolve("away"));
        assertThatThrownBy(() -> upkeep(Duration.ZERO).collect(CollectGarbageRequest.getDefaultInstance()))
                .isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.WRONG_STATE));
        Files.move(away, manifests);
        assertThat(upkeep(Duration.ZERO).collect(CollectGarbageRequest.getDefaultInstance()).getFreedPacks()).isZero();
        assertThat(images.verify(there.getId()).damage()).isEmpty();
    }

    /** Images that were made after the one to which it went back are not its past. */
    @Test
    void aJobThatWentBackHasAnEarlierImageAsItsLatestWhenThatOneIsDeleted() throws Exception {
        for (int sequence : new int[] {1, 2, 3, 5}) {
            Image ignored = write("j-aaaaaaaa." + sequence, true);
        }
        put(Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.RUNNING).setLatestImage("j-aaaaaaaa.2").build());
        ImageVerbs verbs = new ImageVerbs(state, images, UpkeepConfig.ofCollections("0s", "0s", "1h").terms());
        for (String[] then : new String[][] {{"j-aaaaaaaa.2", "j-aaaaaaaa.1"}, {"j-aaaaaaaa.1", ""}}) {
            assertThat(verbs.delete(then[0]).getImage()).isEqualTo(then[0]);
            assertThat(state.transact(tables -> tables.job("j-aaaaaaaa")).orElseThrow().getLatestImage()).isEqualTo(then[1]);
        }
    }

    /** It may be lost with its node, and then its image is what is left of it. */
    @Test
    void theLatestImageOfAJobWhoseNodeDoesNotAnswerIsNotDeleted() throws Exception {
        Image earlier = write("j-aaaaaaaa.1", true);
        Image latest = write("j-aaaaaaaa.2", true);
        Job job = Job.newBuilder().setId("j-aaaaaaaa").setState(JobState.UNREACHABLE).setLatestImage(latest.getId()).build();
        put(job);
        ImageVerbs verbs = new ImageVerbs(state, images, UpkeepConfig.ofCollections("0s", "0s", "1h").terms());
        assertThatThrownBy(() -> verbs.delete(latest.getId())).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.IMAGE_IN_USE));
        assertThat(verbs.delete(earlier.getId()).getImage()).isEqualTo(earlier.getId());
        assertThat(catalogued()).containsExactly(latest.getId());
        // It runs, and can make another one.
        put(job.toBuilder().setState(JobState.RUNNING).build());
        assertThat(verbs.delete(latest.getId()).getImage()).isEqualTo(latest.getId());
    }

    private void put(Job job) {
        Job ignored = state.transact(tables -> tables.put(job));
    }

    private java.util.List<String> catalogued() {
        return state.transact(tables -> tables.images("").stream().map(Image::getId).toList());
    }

    @Test
    void imagesThatNoRuleKeepsGoWithTheirPacksUnlessTheirJobNeedsThem() throws Exception {
        for (String job : new String[] {"j-aaaaaaaa", "j-bbbbbbbb", "j-cccccccc"}) {
            for (int sequence = 1; sequence <= 4; sequence++) {
                Image ignored = write(job + "." + sequence, true);
            }
        }
        JobSpec one = JobSpec.newBuilder().setRetention(Retention.newBuilder().setLast(1)).build();
        put(Job.newBuilder().setId("j-aaaaaaaa").setSpec(one).setState(JobState.SUSPENDED).setLatestImage("j-aaaaaaaa.2").build());
        put(Job.newBuilder().setId("j-bbbbbbbb").setSpec(one).setState(JobState.RUNNING).setLatestImage("j-bbbbbbbb.4").setOperation("op-aaaaaaaa").build());
        put(Job.newBuilder().setId("j-cccccccc").setState(JobState.RUNNING).setLatestImage("j-cccccccc.4").build());
        assertThat(upkeep(Duration.ZERO).collect(CollectGarbageRequest.newBuilder().setDryRun(true).build()).getExpiredList()).containsExactly("j-aaaaaaaa.1", "j-aaaaaaaa.3");
        assertThat(images.ids()).hasSize(12);
        var done = upkeep(Duration.ZERO).collect(CollectGarbageRequest.getDefaultInstance());
        assertThat(done.getExpiredList()).containsExactly("j-aaaaaaaa.1", "j-aaaaaaaa.3");
        assertThat(done.getFreedPacks()).isEqualTo(2);
        assertThat(images.ids()).hasSize(10).doesNotContain("j-aaaaaaaa.1", "j-aaaaaaaa.3").containsExactlyElementsOf(catalogued());
    }

    @Test
    void anImageThatLeftTheCatalogueBeforeACrashLeavesTheStoreAtTheNextCollection() throws Exception {
        Image image = write("j-aaaaaaaa.1", true);
        state.transact(
                tables -> {
                    tables.put(Expiry.EXPIRED, image);
                    tables.deleteImage(image.getId());
                    return true;
                });
        var ignored = upkeep(Duration.ZERO).collect(CollectGarbageRequest.getDefaultInstance());
        assertThat(objects.list("")).isEmpty();
        boolean remembered = state.transact(tables -> tables.record(Expiry.EXPIRED, image.getId()).isPresent());
        assertThat(remembered).isFalse();
    }

    @Test
    void anImageThatIsDeletedWhileTheStoreIsAwayLeavesItLater() throws Exception {
        Image image = write("j-aaaaaaaa.1", true);
        ImageVerbs verbs = new ImageVerbs(state, images, UpkeepConfig.ofCollections("0s", "0s", "1h").terms());
        Path real = folder.resolve("store");
        Path away = Files.move(real, folder.resolve("away"));
        Files.writeString(real, "not a folder");
        assertThatThrownBy(() -> verbs.delete(image.getId())).isInstanceOfSatisfying(FerryException.class, failed -> assertThat(failed.code()).isEqualTo(ErrorCode.STORE_UNREACHABLE));
        assertThat(catalogued()).isEmpty();
        Files.delete(real);
        Files.move(away, real);
        var ignored = upkeep(Duration.ZERO).collect(CollectGarbageRequest.getDefaultInstance());
        assertThat(objects.list("")).isEmpty();
    }

    /** A file system that is not mounted shows an empty folder, in which no image is found. */
    @Test
    void anImageThatIsDeletedWhileTheStoreIsNotMountedLeavesItLater() throws Exception {
        String ignored = StoreId.make(objects);
        Image first = write("j-aaaaaaaa.1", true);
        Image second = write("j-bbbbbbbb.1", true);
        ImageVerbs verbs = new ImageVerbs(state, images, UpkeepConfig.ofCollections("0s", "0s", "1h").terms());
        Path real = folder.resolve("store");
        Path away = Files.move(real, folder.resolve("away"));
        Files.createDirectory(real);
        state.transact(
                tables -> {
                    Expiry.expire(tables, first);
                    return true;
                });
        assertThatThrownBy(() -> verbs.delete(second.getId())).isInstanceOfSatisfying(FerryException.class, failed -> assertThat(failed.code()).isEqualTo(ErrorCode.IMAGE_NOT_FOUND));
        new Expiry(state, images, Retention.getDefaultInstance()).sweep();
        try (var left = Files.walk(real)) {
            for (Path below : left.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(below);
            }
        }
        Files.move(away, real);
        var collected = upkeep(Duration.ZERO).collect(CollectGarbageRequest.getDefaultInstance());
        assertThat(collected.getFreedPacks()).isEqualTo(2);
        assertThat(images.ids()).isEmpty();
        java.util.List<Image> remembered = state.transact(tables -> tables.records(Expiry.EXPIRED, RecordQuery.all()));
        assertThat(remembered).isEmpty();
    }

    @Test
    void anImageThatWasDeletedIsNotRemembered() throws Exception {
        String ignored = StoreId.make(objects);
        Image image = write("j-aaaaaaaa.1", true);
        ImageVerbs verbs = new ImageVerbs(state, images, UpkeepConfig.ofCollections("0s", "0s", "1h").terms());
        assertThat(verbs.delete(image.getId()).getFreedBytes()).isPositive();
        Image lost = write("j-aaaaaaaa.2", true);
        assertThat(images.forget(lost.getId())).isPositive();
        assertThatThrownBy(() -> verbs.delete(lost.getId())).isInstanceOfSatisfying(FerryException.class, failed -> assertThat(failed.code()).isEqualTo(ErrorCode.IMAGE_NOT_FOUND));
        java.util.List<Image> remembered = state.transact(tables -> tables.records(Expiry.EXPIRED, RecordQuery.all()));
        assertThat(remembered).isEmpty();
    }
}
