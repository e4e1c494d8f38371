package dev.ferry.storage.object;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.Stores;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every store must do. */
abstract class ObjectStoreContract {
    ObjectStore store;

    abstract ObjectStore open() throws Exception;

    @BeforeEach
    void openStore() throws Exception {
        store = open();
    }

    @AfterEach
    void closeStore() {
        store.close();
    }

    static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    String text(String key) {
        return new String(store.get(key).orElseThrow(), StandardCharsets.UTF_8);
    }

    static void assertRefused(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).as(refused.getMessage()).isEqualTo(code));
    }

    @Test
    void whatWasPutIsThere() {
        store.put("a/b", bytes("one"));
        assertThat(text("a/b")).isEqualTo("one");
        store.put("a/b", bytes("another"));
        assertThat(text("a/b")).isEqualTo("another");
        assertThat(store.get("a/c")).isEmpty();
        assertThat(store.get("none/at/all")).isEmpty();
    }

    @Test
    void onlyThePartBetweenPositionAndLimitIsPut() {
        ByteBuffer part = bytes("0123456789").position(2).limit(5);
        store.put("part", part);
        store.put("direct", ByteBuffer.allocateDirect(10).put(bytes("0123456789")).position(3).limit(7));
        assertThat(text("part")).isEqualTo("234");
        assertThat(text("direct")).isEqualTo("3456");
    }

    @Test
    void anEmptyObjectIsAnObject() {
        store.put("empty", ByteBuffer.allocate(0));
        assertThat(store.get("empty")).hasValueSatisfying(content -> assertThat(content).isEmpty());
    }

    @Test
    void partsAreReadFromAnyOffset() {
        byte[] content = new byte[300_000];
        new Random(1).nextBytes(content);
        store.put("big", ByteBuffer.wrap(content));
        ByteBuffer into = ByteBuffer.allocate(100_000);
        store.read("big", 123_456, into);
        assertThat(into.hasRemaining()).isFalse();
        assertThat(into.flip()).isEqualTo(ByteBuffer.wrap(content, 123_456, 100_000));
    }

    @Test
    void readingPastTheEndOrNothingSaysSo() {
        store.put("short", bytes("0123456789"));
        assertRefused(ErrorCode.CHUNK_MISSING, () -> store.read("short", 10, ByteBuffer.allocate(1)));
        assertRefused(ErrorCode.CHUNK_MISSING, () -> store.read("none", 0, ByteBuffer.allocate(1)));
    }

    @Test
    void createdOnlyOnce() {
        store.create("manifests/one", bytes("first"));
        assertRefused(ErrorCode.OBJECT_EXISTS, () -> store.create("manifests/one", bytes("second")));
        assertThat(text("manifests/one")).isEqualTo("first");
    }

    @Test
    void ofManyCreatorsOneWins() throws Exception {
        int creators = 8;
        for (int round = 0; round < 5; round++) {
            String key = "race/" + round;
            try (ExecutorService threads = Executors.newFixedThreadPool(creators)) {
                List<Callable<Boolean>> calls = IntStream.range(0, creators).<Callable<Boolean>>mapToObj(number -> () -> wins(key, number)).toList();
                long winners = 0;
                for (Future<Boolean> call : threads.invokeAll(calls)) {
                    winners += call.get() ? 1 : 0;
                }
                assertThat(winners).isOne();
            }
        }
    }

    private boolean wins(String key, int number) {
        try {
            store.create(key, bytes("creator " + number));
            return true;
        } catch (FerryException lost) {
            assertThat(lost.code()).isEqualTo(ErrorCode.OBJECT_EXISTS);
            return false;
        }
    }

    @Test
    void keysAreListedByPrefixInOrder() {
        store.put("l/b/2", bytes("x"));
        store.put("l/a", bytes("x"));
        store.put("l/b/10", bytes("x"));
        store.put("la", bytes("x"));
        assertThat(store.list("l/")).containsExactly("l/a", "l/b/10", "l/b/2");
        assertThat(store.list("l/b/1")).containsExactly("l/b/10");
        assertThat(store.list("nothing/")).isEmpty();
    }

    @Test
    void deletingTellsWhatWasFreed() {
        store.put("d/one", bytes("12345"));
        assertThat(store.delete("d/one")).isEqualTo(5);
        assertThat(store.get("d/one")).isEmpty();
        assertThat(store.delete("d/one")).isZero();
        assertThat(store.list("d/")).isEmpty();
    }

    @Test
    void theProbeOfAStorePasses() {
        assertThatNoException().isThrownBy(() -> Stores.probe(store));
        assertThat(store.list("probe/")).isEmpty();
    }
}
