package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.ferry.storage.image.StoredChunk.Proof;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A chunk is what was written, or it is refused. */
class StoredChunkTest {
    private static final int LENGTH = 40_000;

    private final Random random = new Random(5);

    private byte[] noise() {
        byte[] bytes = new byte[LENGTH];
        random.nextBytes(bytes);
        return bytes;
    }

    /** Half of it can be compressed. */
    private byte[] text() {
        byte[] bytes = noise();
        for (int i = 0; i < LENGTH; i += 2) {
            bytes[i] = 'x';
        }
        return bytes;
    }

    private static ChunkName name(byte[] plain) {
        return ChunkName.of(ChunkName.sha256().digest(plain));
    }

    private static ByteBuffer read(ChunkName name, long check, Proof proof, byte[] stored) throws StoredChunk.Damaged {
        return StoredChunk.plain(name, check, proof, LENGTH, ByteBuffer.wrap(stored), ByteBuffer.allocate(LENGTH));
    }

    @ParameterizedTest
    @EnumSource
    void whatWasWrittenIsReadByItsChecksumAndByItsName(Proof proof) throws Exception {
        for (byte[] plain : new byte[][] {noise(), text()}) {
            byte[] shorter = Zstd.compress(plain);
            byte[] stored = shorter.length < LENGTH ? shorter : plain;
            long check = ChunkCheck.of(ByteBuffer.wrap(plain));
            assertThat(read(name(plain), check, proof, stored)).isEqualTo(ByteBuffer.wrap(plain));
            assertThat(read(name(plain), ChunkCheck.UNKNOWN, proof, stored)).isEqualTo(ByteBuffer.wrap(plain));
        }
    }

    @ParameterizedTest
    @EnumSource
    void eachByteCounts(Proof proof) {
        for (byte[] plain : new byte[][] {noise(), text()}) {
            byte[] shorter = Zstd.compress(plain);
            byte[] stored = shorter.length < LENGTH ? shorter : plain;
            long check = ChunkCheck.of(ByteBuffer.wrap(plain));
            for (int round = 0; round < 500; round++) {
                byte[] damaged = stored.clone();
                damaged[random.nextInt(damaged.length)] ^= (byte) (1 + random.nextInt(255));
                // A frame of zstd has bytes that mean nothing: what comes out may be right all the same.
                assertThat(damagedIsFoundOrDoesNotMatter(name(plain), check, proof, damaged, plain)).isTrue();
                assertThat(damagedIsFoundOrDoesNotMatter(name(plain), ChunkCheck.UNKNOWN, proof, damaged, plain)).isTrue();
            }
        }
    }

    private static boolean damagedIsFoundOrDoesNotMatter(ChunkName name, long check, Proof proof, byte[] stored, byte[] plain) {
        try {
            return read(name, check, proof, stored).equals(ByteBuffer.wrap(plain));
        } catch (StoredChunk.Damaged damaged) {
            return true;
        }
    }

    @Test
    void anotherChunkInItsPlaceIsRefused() {
        byte[] plain = noise();
        byte[] other = noise();
        long check = ChunkCheck.of(ByteBuffer.wrap(plain));
        assertThatThrownBy(() -> read(name(plain), check, Proof.CHECKSUM, other)).isInstanceOf(StoredChunk.Damaged.class);
        assertThatThrownBy(() -> read(name(plain), ChunkCheck.UNKNOWN, Proof.CHECKSUM, other)).isInstanceOf(StoredChunk.Damaged.class);
        // Whoever looks after the store wants both to be right.
        assertThatThrownBy(() -> read(name(plain), check + 1, Proof.NAME, plain)).isInstanceOf(StoredChunk.Damaged.class);
        assertThatThrownBy(() -> read(name(other), check, Proof.NAME, plain)).isInstanceOf(StoredChunk.Damaged.class);
    }

    /** The check values of "123456789" as the catalogue of CRC algorithms has them. */
    @Test
    void theChecksumIsTwoCrcs() {
        assertThat(ChunkCheck.of(ByteBuffer.wrap("123456789".getBytes(java.nio.charset.StandardCharsets.US_ASCII)))).isEqualTo(0xE3069283CBF43926L);
    }
}
