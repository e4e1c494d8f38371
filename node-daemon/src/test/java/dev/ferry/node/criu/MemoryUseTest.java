package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.ferry.node.criu.ProcessMappings.Mapping;
import dev.ferry.node.criu.ProcessMappings.Placed;
import dev.ferry.proto.v1.ChunkList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Which memory that was filled ahead is right, and what becomes of the rest. Addresses in MiB. */
class MemoryUseTest {
    private static final long MIB = 1 << 20;
    private static final int REGULAR_ANONYMOUS = 1 | 1 << 9;
    private static final int PLAIN = 0x22;
    /** Of 64 MiB, from 16 MiB on, which criu puts 4 MiB behind its area's begin. */
    private static final Placed MAPPING = new Placed(new Mapping(16 * MIB, 80 * MIB, PLAIN, REGULAR_ANONYMOUS, 0), 4 * MIB);

    /** Chunks of 1 MiB; 0 is zeros, and each other number a content. */
    private static ChunkList chunks(int... contents) {
        ChunkList.Builder list = ChunkList.newBuilder();
        ByteString names = ByteString.EMPTY;
        for (int content : contents) {
            byte[] name = new byte[32];
            name[0] = (byte) content;
            names = names.concat(ByteString.copyFrom(name));
            list.addLengths((int) MIB).addPack(0).addOffset(0).addStored(content == 0 ? 0 : 100);
        }
        return list.setHashes(names).build();
    }

    private static PageRun run(long begin, long mebibytes) {
        return new PageRun(begin * MIB, mebibytes * MIB);
    }

    private static MemoryUse.There there(List<PageRun> runs, int... contents) {
        return new MemoryUse.There(Map.of(16 * MIB, 80 * MIB), MemoryWindow.of(runs, chunks(contents)).orElseThrow().stream().filter(window -> !window.zeros()).toList());
    }

    private static MemoryUse use(MemoryUse.There there, Placed mapping, List<PageRun> pages, int... contents) {
        ChunkList chunks = chunks(contents);
        return MemoryUse.of(there, new ProcessMappings(List.of(mapping), false), mapping.begin(), any -> true, pages, MemoryWindow.of(pages, chunks).orElseThrow(), chunks);
    }

    @Test
    void whatHasTheSameContentAtTheSameAddressesIsKept() {
        MemoryUse use = use(there(List.of(run(16, 4)), 1, 2, 3, 4), MAPPING, List.of(run(16, 4)), 1, 9, 3, 4);
        assertThat(use.moved()).containsExactly(MAPPING);
        assertThat(use.kept()).containsExactly(run(4, 1), run(6, 2));
        assertThat(use.dropped()).isEmpty();
        assertThat(use.rest()).isEqualTo(chunks(9));
    }

    /** A copy has one more page before it: all others are there, and none is where it should be. */
    @Test
    void theSameContentElsewhereIsNot() {
        MemoryUse use = use(there(List.of(run(17, 3)), 1, 2, 3), MAPPING, List.of(run(16, 3)), 1, 2, 3);
        assertThat(use.moved()).isEmpty();
        assertThat(use.kept()).isEmpty();
        assertThat(use.rest()).isEqualTo(chunks(1, 2, 3));
    }

    @Test
    void whatTheJobNoLongerHasIsDropped() {
        MemoryUse use = use(there(List.of(run(16, 4)), 1, 2, 3, 4), MAPPING, List.of(run(16, 1), run(19, 1)), 1, 4);
        assertThat(use.kept()).containsExactly(run(4, 1), run(7, 1));
        assertThat(use.dropped()).containsExactly(run(5, 2));
        assertThat(use.rest()).isEqualTo(chunks());
    }

    /** Pages of zeros are there wherever nothing was filled; where something was, they must be written. */
    @Test
    void zerosAreThereWhereNothingIs() {
        MemoryUse use = use(there(List.of(run(16, 2)), 1, 2), MAPPING, List.of(run(16, 3)), 1, 0, 0);
        assertThat(use.kept()).containsExactly(run(4, 1), run(6, 1));
        assertThat(use.rest()).isEqualTo(chunks(0));
        assertThat(use.dropped()).as("it is overwritten").isEmpty();
    }

    /** Two mappings were copied, and are one by now: only the area of the first is moved to it. */
    @Test
    void whatLiesBehindTheEndOfAnAreaIsNotThere() {
        MemoryUse.There two = new MemoryUse.There(Map.of(16 * MIB, 20 * MIB, 20 * MIB, 80 * MIB), there(List.of(run(16, 6)), 1, 2, 3, 4, 5, 6).windows());
        MemoryUse use = use(two, MAPPING, List.of(run(16, 7)), 1, 2, 3, 4, 5, 6, 0);
        assertThat(use.kept()).containsExactly(run(4, 4), run(10, 1));
        assertThat(use.rest()).isEqualTo(chunks(5, 6));
    }

    /** One that ends where the next begins in criu's area, with what neither has any more. */
    @Test
    void whatIsDroppedIsOfOneMapping() {
        Placed first = new Placed(new Mapping(16 * MIB, 32 * MIB, PLAIN, REGULAR_ANONYMOUS, 0), 0);
        Placed second = new Placed(new Mapping(64 * MIB, 80 * MIB, PLAIN, REGULAR_ANONYMOUS, 0), 16 * MIB);
        MemoryUse.There there = new MemoryUse.There(Map.of(16 * MIB, 32 * MIB, 64 * MIB, 80 * MIB), there(List.of(run(16, 1), run(31, 1), run(64, 2)), 1, 2, 3, 4).windows());
        ChunkList chunks = chunks(1, 4);
        List<PageRun> pages = List.of(run(16, 1), run(65, 1));
        MemoryUse use = MemoryUse.of(there, new ProcessMappings(List.of(first, second), false), 0, any -> true, pages, MemoryWindow.of(pages, chunks).orElseThrow(), chunks);
        assertThat(use.moved()).containsExactly(first, second);
        assertThat(use.dropped()).containsExactly(run(15, 1), run(16, 1));
    }

    /** It can be moved in huge pages only where criu's area and the job agree, and must be as any other private memory. */
    @Test
    void aMappingOfAnotherKindIsMadeAsAlways() {
        MemoryUse.There there = there(List.of(run(16, 1)), 1);
        Placed downwards = new Placed(new Mapping(16 * MIB, 80 * MIB, PLAIN | 0x100, REGULAR_ANONYMOUS, 0), 4 * MIB);
        Placed small = new Placed(new Mapping(16 * MIB, 17 * MIB, PLAIN, REGULAR_ANONYMOUS, 0), 4 * MIB);
        Placed elsewhere = new Placed(new Mapping(18 * MIB, 82 * MIB, PLAIN, REGULAR_ANONYMOUS, 0), 4 * MIB);
        for (Placed mapping : List.of(downwards, small, elsewhere)) {
            assertThat(use(there, mapping, List.of(run(16, 1)), 1).moved()).as("%s", mapping).isEmpty();
        }
        ChunkList one = chunks(1);
        List<PageRun> pages = List.of(run(16, 1));
        List<MemoryWindow> windows = MemoryWindow.of(pages, one).orElseThrow();
        ProcessMappings mappings = new ProcessMappings(List.of(MAPPING), false);
        assertThat(MemoryUse.of(there, mappings, MAPPING.begin() + 4096, any -> true, pages, windows, one).moved()).isEmpty();
        assertThat(MemoryUse.of(there, mappings, MAPPING.begin(), shared -> false, pages, windows, one).moved()).isEmpty();
        assertThat(MemoryUse.of(there, mappings, MAPPING.begin(), any -> true, pages, windows, one).moved()).isNotEmpty();
    }

    @Test
    void addressesThatAreNotThoseOfTheChunksAreNotBelieved() {
        assertThat(MemoryWindow.of(List.of(run(16, 2)), chunks(1, 2, 3))).as("too few").isEmpty();
        assertThat(MemoryWindow.of(List.of(run(16, 4)), chunks(1, 2, 3))).as("too many").isEmpty();
        assertThat(MemoryWindow.of(List.of(run(18, 2), run(16, 1)), chunks(1, 2, 3))).as("backwards").isEmpty();
        assertThat(MemoryWindow.of(List.of(run(16, 2), run(17, 1)), chunks(1, 2, 3))).as("twice").isEmpty();
        assertThat(MemoryWindow.of(List.of(run(16, 1), run(20, 2)), chunks(1, 2, 3))).isPresent();
    }
}
