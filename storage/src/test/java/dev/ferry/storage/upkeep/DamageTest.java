package dev.ferry.storage.upkeep;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.storage.ObjectStore;
import dev.ferry.storage.object.MemoryStore;
import org.junit.jupiter.api.Test;

class DamageTest extends DamageContract {
    @Override
    ObjectStore open(MemoryStore real) {
        return real;
    }

    @Test
    void figuresCountEachChunkOnce() {
        var stats = images.stats();
        long packs = store.entries("packs/").stream().mapToLong(entry -> entry.bytes()).sum();
        assertThat(stats.getPackBytes()).isEqualTo(packs);
        assertThat(stats.getUnnamedPacks()).isEqualTo(1);
        // All of the packs that images name is needed, since no image was deleted of them.
        assertThat(stats.getNeededBytes()).isEqualTo(store.entries("packs/j-aaaaaaaa/").stream().mapToLong(entry -> entry.bytes()).sum());
        assertThat(stats.getOpenDumps()).isEqualTo(1);
        assertThat(stats.getGivenUpDumps()).isEqualTo(1);
        assertThat(stats.getCondemnedPacks()).isEqualTo(1);
        assertThat(stats.getJobsList()).singleElement().satisfies(job -> assertThat(job.getImages()).isEqualTo(2));
    }
}
