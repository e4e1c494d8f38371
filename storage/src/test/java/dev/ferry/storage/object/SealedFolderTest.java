package dev.ferry.storage.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.storage.EncryptionConfig;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.StoreConfig;
import dev.ferry.storage.Stores;
import dev.ferry.storage.seal.MasterKey;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store whose objects are sealed does all that any store does. */
class SealedFolderTest extends ObjectStoreContract {
    @TempDir Path folder;

    @Override
    ObjectStore open() {
        Path key = folder.resolve("store.key");
        if (!Files.exists(key)) {
            MasterKey ignored = MasterKey.generate(key);
        }
        StoreConfig plain = StoreConfig.ofUrl("file://" + folder.resolve("store"));
        return Stores.open(new StoreConfig(plain.url(), "", "", "", "", "", true, "", new EncryptionConfig(key.toString(), "", "", false)));
    }

    /** What is freed is what lay in the store: more than was put. */
    @Override
    @Test
    void deletingTellsWhatWasFreed() {
        store.put("d/one", bytes("12345"));
        long sealed = store.entries("d/").getFirst().bytes();
        assertThat(sealed).isGreaterThan(5);
        assertThat(store.delete("d/one")).isEqualTo(sealed);
        assertThat(store.get("d/one")).isEmpty();
        assertThat(store.delete("d/one")).isZero();
    }
}
