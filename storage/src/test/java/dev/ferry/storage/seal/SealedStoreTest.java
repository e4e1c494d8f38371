package dev.ferry.storage.seal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.object.MemoryStore;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sealed objects: what is read is what was written, nothing of it shows, and nothing of it can be changed. */
class SealedStoreTest {
    private static final MasterKey MASTER = master(1);
    private static final MasterKey OTHER = master(2);
    private static final int SEGMENT = 64 << 10;

    @TempDir Path folder;
    private final MemoryStore real = new MemoryStore();
    private final ObjectStore store = sealed(MASTER);

    static MasterKey master(int seed) {
        byte[] key = new byte[32];
        new Random(seed).nextBytes(key);
        return MasterKey.parse(Base64.getEncoder().encodeToString(key), "the test");
    }

    private ObjectStore sealed(MasterKey... masters) {
        return SealedStore.of(real, new KeyRing(real, List.of(masters)), false, 0);
    }

    private static byte[] noise(int bytes) {
        byte[] noise = new byte[bytes];
        new Random(bytes).nextBytes(noise);
        return noise;
    }

    private static void assertRefused(ErrorCode code, String naming, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).as(refused.getMessage()).isEqualTo(code)).hasMessageContaining(naming);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 100, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 3 * SEGMENT + 77})
    void everyLengthAndEveryPartComeBack(int length) {
        byte[] content = noise(length);
        store.put("packs/a", ByteBuffer.wrap(content));
        assertThat(store.get("packs/a")).hasValue(content);
        for (int from : new int[] {0, 1, length / 3, SEGMENT - 1, SEGMENT, length - 1, length}) {
            for (int count : new int[] {0, 1, 1000, SEGMENT, length}) {
                if (from >= 0 && from + count <= length) {
                    ByteBuffer part = ByteBuffer.allocate(count);
                    store.read("packs/a", from, part);
                    assertThat(part.array()).as("%d bytes from %d", count, from).isEqualTo(Arrays.copyOfRange(content, from, from + count));
                }
            }
        }
        assertRefused(ErrorCode.CHUNK_MISSING, "packs/a", () -> store.read("packs/a", length, ByteBuffer.allocate(1)));
    }

    @Test
    void theSameBytesNeverLookTheSame() {
        byte[] content = new byte[2 * SEGMENT];
        store.put("packs/a", ByteBuffer.wrap(content));
        byte[] first = real.get("packs/a").orElseThrow();
        store.put("packs/a", ByteBuffer.wrap(content));
        byte[] second = real.get("packs/a").orElseThrow();
        // From the salt on: a key of its own for each object, so that no nonce is used twice with one key.
        for (int at = SealedObject.HEADER; at + 16 <= first.length; at += 16) {
            byte[] block = Arrays.copyOfRange(first, at, at + 16);
            assertThat(Arrays.copyOfRange(second, at, at + 16)).isNotEqualTo(block).isNotEqualTo(new byte[16]);
        }
        byte[] segment = Arrays.copyOfRange(first, SealedObject.HEADER, SealedObject.HEADER + SEGMENT);
        assertThat(Arrays.copyOfRange(first, SealedObject.HEADER + SEGMENT + 16, SealedObject.HEADER + 2 * SEGMENT + 16)).isNotEqualTo(segment);
    }

    @Test
    void noByteCanBeChanged() {
        byte[] content = noise(SEGMENT + 500);
        store.put("images/a", ByteBuffer.wrap(content));
        byte[] sealed = real.get("images/a").orElseThrow();
        for (int at = 0; at < sealed.length; at += at < 300 ? 1 : 97) {
            byte[] changed = sealed.clone();
            changed[at] ^= 1;
            real.put("images/a", ByteBuffer.wrap(changed));
            assertThatThrownBy(() -> store.get("images/a")).as("byte %d", at).isInstanceOf(FerryException.class);
        }
    }

    @Test
    void noSegmentAndNoObjectCanTakeAnothersPlace() {
        store.put("images/a", ByteBuffer.wrap(noise(2 * SEGMENT)));
        byte[] sealed = real.get("images/a").orElseThrow();
        real.put("images/b", ByteBuffer.wrap(sealed));
        assertRefused(ErrorCode.CHUNK_CORRUPT, "images/b", () -> store.get("images/b"));
        byte[] swapped = sealed.clone();
        System.arraycopy(sealed, SealedObject.HEADER, swapped, SealedObject.HEADER + SEGMENT + 16, SEGMENT + 16);
        System.arraycopy(sealed, SealedObject.HEADER + SEGMENT + 16, swapped, SealedObject.HEADER, SEGMENT + 16);
        real.put("images/a", ByteBuffer.wrap(swapped));
        assertRefused(ErrorCode.CHUNK_CORRUPT, "images/a", () -> store.get("images/a"));
        real.put("images/a", ByteBuffer.wrap(sealed, 0, SealedObject.HEADER + SEGMENT + 16));
        assertRefused(ErrorCode.CHUNK_CORRUPT, "images/a", () -> store.get("images/a"));
        real.put("images/a", ByteBuffer.wrap(noise(300)));
        assertRefused(ErrorCode.CHUNK_CORRUPT, "not encrypted", () -> store.get("images/a"));
    }

    @Test
    void nothingOfTheContentShows() {
        String secret = "the password is correct horse battery staple";
        store.forTenant("user.anna").put("packs/a", ByteBuffer.wrap(secret.getBytes(StandardCharsets.UTF_8)));
        for (ObjectStore.Entry object : real.entries("")) {
            assertThat(new String(real.get(object.key()).orElseThrow(), StandardCharsets.ISO_8859_1)).doesNotContain("password", "horse");
        }
    }

    @Test
    void eachTenantHasAKeyOfItsOwn() {
        store.forTenant("user.anna").put("packs/a", ByteBuffer.wrap(noise(10)));
        store.forTenant("user.bert").put("packs/b", ByteBuffer.wrap(noise(10)));
        assertThat(real.list("keys/")).containsExactly("keys/user.anna/0000000001", "keys/user.bert/0000000001");
        long ignored = real.delete("keys/user.bert/0000000001");
        ObjectStore later = sealed(MASTER);
        assertThat(later.get("packs/a")).hasValue(noise(10));
        assertRefused(ErrorCode.KEY_WRONG, "user.bert", () -> later.get("packs/b"));
        assertRefused(ErrorCode.INVALID_ARGUMENT, "../x", () -> store.forTenant("../x").put("packs/c", ByteBuffer.allocate(1)));
    }

    @Test
    void aWrongMasterKeyIsNamed() {
        store.put("packs/a", ByteBuffer.wrap(noise(10)));
        ObjectStore wrong = sealed(OTHER);
        assertRefused(ErrorCode.KEY_WRONG, MASTER.id(), () -> wrong.get("packs/a"));
        assertRefused(ErrorCode.KEY_WRONG, OTHER.id(), () -> wrong.put("packs/b", ByteBuffer.allocate(1)));
    }

    @Test
    void theMasterKeyIsChangedWithoutAMomentInWhichNothingCanBeRead() {
        store.put("packs/a", ByteBuffer.wrap(noise(10)));
        ObjectStore both = sealed(OTHER, MASTER);
        assertThat(both.get("packs/a")).hasValue(noise(10));
        assertThat(both.keys().orElseThrow().rewrap()).singleElement().satisfies(key -> {
            assertThat(key.getRewrapped()).isTrue();
            assertThat(key.getMaster()).isEqualTo(OTHER.id());
        });
        assertThat(both.keys().orElseThrow().rewrap()).noneMatch(key -> key.getRewrapped());
        assertThat(sealed(OTHER).get("packs/a")).hasValue(noise(10));
        // A daemon that was started before has opened the key already, and goes on.
        assertThat(store.get("packs/a")).hasValue(noise(10));
        assertRefused(ErrorCode.KEY_WRONG, OTHER.id(), () -> sealed(MASTER).get("packs/a"));
    }

    @Test
    void aTenantsNewKeySealsWhatComesAndTheOldOneOpensWhatWas() {
        store.forTenant("user.anna").put("packs/a", ByteBuffer.wrap(noise(10)));
        store.keys().orElseThrow().renew("user.anna");
        store.forTenant("user.anna").put("packs/b", ByteBuffer.wrap(noise(11)));
        assertThat(new String(real.get("packs/a").orElseThrow(), StandardCharsets.ISO_8859_1)).contains("user.anna/0000000001");
        assertThat(new String(real.get("packs/b").orElseThrow(), StandardCharsets.ISO_8859_1)).contains("user.anna/0000000002");
        ObjectStore later = sealed(MASTER);
        assertThat(later.get("packs/a")).hasValue(noise(10));
        assertThat(later.get("packs/b")).hasValue(noise(11));
    }

    @Test
    void twoThatMakeATenantsFirstKeyAgree() {
        KeyRing one = new KeyRing(real, List.of(MASTER));
        KeyRing two = new KeyRing(real, List.of(MASTER));
        assertThat(one.current("user.anna").key()).isEqualTo(two.current("user.anna").key());
    }

    @Test
    void plainObjectsAreReadWhereThatIsAllowed() {
        real.put("images/old", ByteBuffer.wrap(noise(20)));
        ObjectStore lenient = SealedStore.of(real, new KeyRing(real, List.of(MASTER)), true);
        assertThat(lenient.get("images/old")).hasValue(noise(20));
        ByteBuffer part = ByteBuffer.allocate(5);
        lenient.read("images/old", 3, part);
        assertThat(part.array()).isEqualTo(Arrays.copyOfRange(noise(20), 3, 8));
        assertRefused(ErrorCode.CHUNK_MISSING, "images/none", () -> lenient.read("images/none", 0, ByteBuffer.allocate(1)));
        lenient.put("images/new", ByteBuffer.wrap(noise(20)));
        assertThat(store.get("images/new")).hasValue(noise(20));
    }

    @Test
    void masterKeysComeFromFilesAndCommands() throws Exception {
        Path file = folder.resolve("store.key");
        MasterKey made = MasterKey.generate(file);
        assertThat(Files.getPosixFilePermissions(file)).hasSize(2);
        assertThat(MasterKey.ofFile(file)).isEqualTo(made);
        assertThat(MasterKey.ofCommand("cat '" + file + "'")).isEqualTo(made);
        assertThat(made.toString()).doesNotContain(Files.readString(file).trim());
        assertRefused(ErrorCode.CONFIG_INVALID, "store.key", () -> MasterKey.generate(file));
        assertRefused(ErrorCode.CONFIG_INVALID, "status 3", () -> MasterKey.ofCommand("exit 3"));
        assertRefused(ErrorCode.CONFIG_INVALID, "echo hello", () -> MasterKey.ofCommand("echo hello"));
        assertRefused(ErrorCode.CONFIG_INVALID, "none", () -> MasterKey.ofFile(folder.resolve("none")));
    }
}
