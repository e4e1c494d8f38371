package dev.ferry.storage.upkeep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.StoreFinding;
import dev.ferry.storage.Images;
import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.object.MemoryStore;
import dev.ferry.storage.seal.KeyRing;
import dev.ferry.storage.seal.MasterKey;
import dev.ferry.storage.seal.SealedStore;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The same with encryption, and the keys' own objects. */
class SealedDamageTest extends DamageContract {
    private static final MasterKey MASTER = MasterKey.ofCommand("echo MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");

    @Override
    ObjectStore open(MemoryStore real) {
        return SealedStore.of(real, new KeyRing(real, List.of(MASTER)), false, 0);
    }

    @Test
    void everyByteOfAKeyIsChecked() {
        String key = store.list("keys/").getFirst();
        byte[] whole = store.get(key).orElseThrow();
        for (int at = 0; at < whole.length; at++) {
            byte[] damaged = whole.clone();
            damaged[at] ^= 4;
            store.put(key, ByteBuffer.wrap(damaged));
            assertThat(images.check(true).getFindingsList()).as("byte %d", at).filteredOn(StoreFinding::getDamage).extracting(StoreFinding::getObject).contains(key);
            ObjectStore later = open(store);
            assertThatThrownBy(() -> later.get("images/j-aaaaaaaa/0000000001.manifest")).as("byte %d", at).isInstanceOf(FerryException.class);
        }
    }

    @Test
    void withoutTheKeyThatIsSaidAndNotThatAllIsDamaged() {
        Images without = new Images(store);
        assertThatThrownBy(() -> without.read("j-aaaaaaaa.1")).isInstanceOf(FerryException.class).hasMessageContaining("no master key");
        assertThatThrownBy(() -> without.collect(new Collector.Terms(java.time.Duration.ZERO, java.time.Duration.ofDays(1)), false)).isInstanceOf(FerryException.class).hasMessageContaining("no master key");
        assertThat(store.list("packs/")).isNotEmpty();
    }
}
