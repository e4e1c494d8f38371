package dev.ferry.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.StoreSight;
import dev.ferry.storage.image.ForwardingStore;
import dev.ferry.storage.image.Keys;
import dev.ferry.storage.object.FolderStore;
import dev.ferry.storage.object.MemoryStore;
import dev.ferry.storage.seal.KeyRing;
import dev.ferry.storage.seal.MasterKey;
import dev.ferry.storage.seal.SealedStore;
import dev.ferry.storage.upkeep.Collector;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two processes know by a store's id that they see the same store. */
class StoreIdTest {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final MasterKey MASTER = MasterKey.ofCommand("echo MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    private static final MasterKey OTHER = MasterKey.ofCommand("echo MTEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");

    @TempDir Path folder;
    private final MemoryStore store = new MemoryStore();

    private ObjectStore sealed(MasterKey master, boolean acceptPlain) {
        return SealedStore.of(store, new KeyRing(store, List.of(master)), acceptPlain);
    }

    @Test
    void ofSeveralThatMakeOneOneWins() throws Exception {
        ObjectStore inFolder = new FolderStore(folder.resolve("store"));
        Set<String> made = ConcurrentHashMap.newKeySet();
        try (ExecutorService all = Executors.newFixedThreadPool(8)) {
            List<Callable<Boolean>> makers = IntStream.range(0, 8).<Callable<Boolean>>mapToObj(maker -> () -> made.add(StoreId.make(inFolder))).toList();
            assertThat(all.invokeAll(makers)).hasSize(8);
        }
        assertThat(made).hasSize(1);
        assertThat(StoreId.read(inFolder)).hasValue(made.iterator().next());
        assertThat(StoreId.make(store)).isNotEqualTo(made.iterator().next());
    }

    @Test
    void whoOnlyReadsMakesNone() {
        assertThat(StoreId.read(store)).isEmpty();
        assertThat(store.list("")).isEmpty();
    }

    @Test
    void collectionsLeaveItAndTheCheckKnowsIt() {
        String id = StoreId.make(store);
        Images images = new Images(store);
        assertThat(images.check(false).getFindingsList()).isEmpty();
        assertThat(images.collect(new Collector.Terms(Duration.ZERO, Duration.ZERO), false).getFreedBytes()).isZero();
        assertThat(StoreId.read(store)).hasValue(id);
    }

    @Test
    void whoHasAnotherKeyOrNoneDoesNotSeeTheSameStore() {
        String ignored = StoreId.make(sealed(MASTER, false));
        assertThatThrownBy(() -> StoreId.read(sealed(OTHER, false))).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.KEY_WRONG));
        assertThatThrownBy(() -> StoreId.read(store)).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.KEY_WRONG));
    }

    /** Whoever takes nothing plain must find it sealed later. */
    @Test
    void anIdFromBeforeEncryptionStaysTheSameAndIsSealed() {
        String id = StoreId.make(store);
        assertThatThrownBy(() -> StoreId.read(sealed(MASTER, false))).hasMessageContaining("acceptPlain");
        assertThat(StoreId.make(sealed(MASTER, true))).isEqualTo(id);
        assertThat(StoreId.read(sealed(MASTER, false))).hasValue(id);
    }

    private ObjectStore fullAndSealed() {
        ObjectStore full =
                new ForwardingStore(store) {
                    @Override
                    public void put(String key, ByteBuffer content) {
                        throw new FerryException(ErrorCode.STORE_FULL, "No room for " + key);
                    }

                    @Override
                    public void create(String key, ByteBuffer content) {
                        put(key, content);
                    }
                };
        return SealedStore.of(full, new KeyRing(full, List.of(MASTER)), true);
    }

    @Test
    void anIdThatIsSealedIsNotWrittenAgain() {
        String id = StoreId.make(sealed(MASTER, false));
        byte[] there = store.get(Keys.IDENTITY).orElseThrow();
        assertThat(StoreId.make(sealed(MASTER, true))).isEqualTo(id);
        assertThat(StoreId.make(fullAndSealed())).isEqualTo(id);
        assertThat(store.get(Keys.IDENTITY)).hasValueSatisfying(now -> assertThat(now).isEqualTo(there));
    }

    @Test
    void anIdFromBeforeEncryptionIsReadAlsoWhereItCannotBeSealedNow() {
        String id = StoreId.make(store);
        assertThat(StoreId.make(fullAndSealed())).isEqualTo(id);
        assertThat(StoreId.read(store)).as("as it was").hasValue(id);
        assertThat(StoreId.make(sealed(MASTER, true))).isEqualTo(id);
        assertThat(StoreId.read(sealed(MASTER, false))).hasValue(id);
    }

    private static void awaitSight(StoreWatch watch, Predicate<StoreSight> wanted) {
        await().atMost(SOON).until(() -> wanted.test(watch.sight()));
    }

    /** As a mount that comes late does, and one that is lost. */
    @Test
    void aWatchSeesAtLastAndWhatItSawHoldsUntilTheStoreSaysOtherwise() throws Exception {
        Path place = folder.resolve("store");
        FolderStore inFolder = new FolderStore(place);
        AtomicInteger told = new AtomicInteger();
        Files.createDirectories(place.resolve(Keys.IDENTITY));
        try (StoreWatch watch = StoreWatch.reading(inFolder, told::incrementAndGet)) {
            awaitSight(watch, sight -> sight.getProblem().contains("Can't read"));
            assertThat(watch.sight().getUnmarked()).isFalse();
            Files.delete(place.resolve(Keys.IDENTITY));
            awaitSight(watch, StoreSight::getUnmarked);
            String id = StoreId.make(inFolder);
            awaitSight(watch, sight -> sight.getId().equals(id));
            await().atMost(SOON).until(() -> told.get() == 3);
            // It does not answer.
            Files.move(place.resolve(Keys.IDENTITY), folder.resolve("aside"));
            Files.createDirectories(place.resolve(Keys.IDENTITY));
            watch.lookNow();
            await().during(Duration.ofMillis(300)).atMost(SOON).until(() -> watch.sight().getId().equals(id));
            Files.delete(place.resolve(Keys.IDENTITY));
            watch.lookNow();
            awaitSight(watch, StoreSight::getUnmarked);
            Files.move(folder.resolve("aside"), place.resolve(Keys.IDENTITY));
            awaitSight(watch, sight -> sight.getId().equals(id));
        }
    }

    /** What lies below a mount that is gone must not become a store. */
    @Test
    void aWatchThatMakesAnIdMakesNoSecondOne() {
        try (StoreWatch watch = StoreWatch.making(store, () -> {})) {
            awaitSight(watch, sight -> !sight.getId().isEmpty());
            String id = watch.sight().getId();
            assertThat(store.delete(Keys.IDENTITY)).isPositive();
            watch.lookNow();
            await().during(Duration.ofMillis(300)).atMost(SOON).until(() -> store.list("").isEmpty() && watch.sight().getId().equals(id));
        }
    }

    @Test
    void whoCouldNotBeToldIsToldAgain() {
        AtomicInteger calls = new AtomicInteger();
        try (StoreWatch watch =
                StoreWatch.making(
                        store,
                        () -> {
                            if (calls.incrementAndGet() == 1) {
                                throw new IllegalStateException("the database does not answer: the test says so");
                            }
                        })) {
            await().atMost(SOON).until(() -> calls.get() == 2);
            assertThat(watch.sight().getId()).isNotEmpty();
        }
    }
}
