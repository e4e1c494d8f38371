package dev.ferry.storage.upkeep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ChunkList;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Manifest;
import dev.ferry.proto.v1.StoredFile;
import org.junit.jupiter.api.Test;

class PackUseTest {
    private static Manifest manifest(int packs, int chunks) {
        ChunkList.Builder list = ChunkList.newBuilder();
        Manifest.Builder manifest = Manifest.newBuilder();
        for (int pack = 0; pack < packs; pack++) {
            manifest.addPacks("packs/" + pack);
            for (int chunk = 0; chunk < chunks; chunk++) {
                list.addLengths(10).addStored(10).addPack(pack).addOffset(10L * chunk);
            }
        }
        return manifest.addFiles(StoredFile.newBuilder().setChunks(list)).build();
    }

    @Test
    void chunksThatAreNeededTwiceTakeNoMemoryTwice() {
        PackUse use = new PackUse(100_000);
        for (int image = 0; image < 50; image++) {
            use.add(manifest(10, 500));
        }
        assertThat(use.bytes()).isEqualTo(10 * 500 * 10);
        assertThat(use.ends()).hasSize(10).containsEntry("packs/3", 5000L);
    }

    @Test
    void itTakesNoMoreMemoryThanItHas() {
        PackUse use = new PackUse(100_000);
        use.add(manifest(10, 500));
        assertThatThrownBy(() -> use.add(manifest(200, 500))).isInstanceOfSatisfying(FerryException.class, refused -> assertThat(refused.code()).isEqualTo(ErrorCode.OBJECT_TOO_LARGE));
    }
}
