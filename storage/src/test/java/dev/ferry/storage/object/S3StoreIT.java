package dev.ferry.storage.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.Stores;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contract against a real server, in both of the ways that servers are reached. */
class S3StoreIT {
    private static final AtomicInteger PREFIXES = new AtomicInteger();

    @TempDir static Path folder;
    private static S3Server server;

    @BeforeAll
    static void start() throws Exception {
        server = new S3Server(folder, true);
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    private static String prefix() {
        return "prefix-" + PREFIXES.incrementAndGet();
    }

    @Nested
    class PlainWithTheBucketInThePath extends ObjectStoreContract {
        @Override
        ObjectStore open() {
            return Stores.open(server.plain(prefix()));
        }
    }

    @Nested
    class SecureWithTheBucketInTheName extends ObjectStoreContract {
        @Override
        ObjectStore open() {
            return Stores.open(server.secure(prefix()));
        }
    }

    @Test
    void prefixesAreStoresOfTheirOwn() {
        try (ObjectStore one = Stores.open(server.plain("one"));
                ObjectStore other = Stores.open(server.plain("other"))) {
            one.put("key", ObjectStoreContract.bytes("x"));
            assertThat(other.list("")).isEmpty();
            assertThat(other.get("key")).isEmpty();
        }
    }

    @Test
    void aWrongSecretIsRefusedNotRetried() {
        try (ObjectStore store = Stores.open(server.plain(prefix(), "wrong"))) {
            ObjectStoreContract.assertRefused(ErrorCode.STORE_REFUSED, () -> store.put("key", ByteBuffer.allocate(1)));
        }
    }

    @Test
    void aServerThatTheSystemDoesNotTrustIsNotSpokenTo() {
        try (ObjectStore store = Stores.open(server.secureWithSystemAuthorities(prefix()))) {
            ObjectStoreContract.assertRefused(ErrorCode.STORE_REFUSED, () -> store.put("key", ByteBuffer.allocate(1)));
        }
    }

    @Test
    void aServerThatDiesIsSaidSoAndIsUsedAgainWhenItIsBack() throws Exception {
        try (ObjectStore store = Stores.open(server.plain(prefix()))) {
            store.put("key", ObjectStoreContract.bytes("kept"));
            server.kill();
            try {
                ObjectStoreContract.assertRefused(ErrorCode.STORE_UNREACHABLE, () -> store.put("other", ByteBuffer.allocate(1)));
            } finally {
                server.start();
            }
            assertThat(store.get("key")).hasValue("kept".getBytes());
            assertThat(store.get("other")).isEmpty();
        }
    }
}
