package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import dev.ferry.storage.look.CriuFile;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PagemapRunsTest {
    private static final int PAGE = 4096;
    private static final int PRESENT = 4;
    private static final int LAZY_AND_PRESENT = 6;

    @Test
    void runsThatFollowEachOtherBecomeOne() {
        CriuFile pagemap = pagemap(run(0x10000, 256, PRESENT), run(0x10000 + 256 * PAGE, 256, PRESENT), run(0x10000 + 512 * PAGE, 3, PRESENT), run(0x90000000L, 1, PRESENT));
        CriuFile joined = CriuFile.parse("pagemap-7.img", PagemapRuns.joined(pagemap.content()));
        assertThat(joined).isEqualTo(pagemap(run(0x10000, 515, PRESENT), run(0x90000000L, 1, PRESENT)));
    }

    @Test
    void runsWithAGapOrOfOtherKindsStayApart() {
        CriuFile pagemap = pagemap(run(0x10000, 2, PRESENT), run(0x10000 + 3 * PAGE, 2, PRESENT), run(0x10000 + 5 * PAGE, 2, LAZY_AND_PRESENT), run(0x8000, 1, LAZY_AND_PRESENT));
        assertThat(PagemapRuns.joined(pagemap.content())).isEqualTo(pagemap.content());
    }

    /** Criu counts the pages of one read as an int, and what comes behind 1 GiB is a run of its own. */
    @Test
    void noRunIsLongerThanAGibibyte() {
        CriuFile.Entry[] runs = new CriuFile.Entry[1500];
        Arrays.setAll(runs, n -> run(0x100000000L + n * 256L * PAGE, 256, PRESENT));
        List<CriuFile.Entry> joined = CriuFile.parse("pagemap-7.img", PagemapRuns.joined(pagemap(runs).content())).entries();
        assertThat(joined).containsExactly(head(), run(0x100000000L, 1 << 18, PRESENT), run(0x100000000L + (1L << 30), 1500 * 256 - (1 << 18), PRESENT));
    }

    @Test
    void runsOfOlderCriusKeepTheirForm() {
        CriuFile pagemap = pagemap(older(0x10000, 2, 0), older(0x10000 + 2 * PAGE, 5, 0), older(0x10000 + 7 * PAGE, 1, 1));
        CriuFile joined = CriuFile.parse("pagemap-7.img", PagemapRuns.joined(pagemap.content()));
        assertThat(joined).isEqualTo(pagemap(older(0x10000, 7, 0), older(0x10000 + 7 * PAGE, 1, 1)));
    }

    @Test
    void anEntryWithMoreThanIsKnownIsPassedOnAsItIs() {
        CriuFile.Entry strange = entry(UnknownFieldSet.newBuilder(run(0x10000 + 2 * PAGE, 2, PRESENT).fields()).addField(9, varint(1)));
        CriuFile pagemap = pagemap(run(0x10000, 2, PRESENT), strange, run(0x10000 + 4 * PAGE, 2, PRESENT));
        assertThat(PagemapRuns.joined(pagemap.content())).isEqualTo(pagemap.content());
    }

    @Test
    void whatIsNoPagemapIsPassedOnAsItIs() {
        byte[] whole = pagemap(run(0x10000, 2, PRESENT), run(0x10000 + 2 * PAGE, 2, PRESENT)).content();
        for (int length = 0; length < whole.length; length++) {
            byte[] cut = Arrays.copyOf(whole, length);
            // One that ends between two entries is whole.
            boolean between = length == 12 + 2 || length == 12 + 2 + (whole.length - 14) / 2;
            if (!between) {
                assertThat(PagemapRuns.joined(cut)).as("%d bytes", length).isEqualTo(cut);
            }
        }
    }

    /** Seeds are in the description of a failure. */
    @Test
    void pagesAndTheirOrderAreTheSame() {
        for (int seed = 0; seed < 200; seed++) {
            Random random = new Random(seed);
            List<CriuFile.Entry> runs = new ArrayList<>();
            long address = 0x400000;
            for (int n = random.nextInt(60); n > 0; n--) {
                int pages = 1 + random.nextInt(300);
                runs.add(run(address, pages, random.nextInt(5) == 0 ? LAZY_AND_PRESENT : PRESENT));
                address += (long) pages * PAGE + (random.nextBoolean() ? 0 : PAGE * random.nextInt(100));
            }
            CriuFile pagemap = pagemap(runs.toArray(CriuFile.Entry[]::new));
            CriuFile joined = CriuFile.parse("pagemap-7.img", PagemapRuns.joined(pagemap.content()));
            assertThat(pages(joined)).as("seed %d", seed).isEqualTo(pages(pagemap));
            assertThat(joined.entries().size()).isLessThanOrEqualTo(pagemap.entries().size());
        }
    }

    @Test
    void memoryThatSeveralShareIsLeftAlone() {
        assertThat(PagemapRuns.isPagemap("pagemap-7.img")).isTrue();
        assertThat(PagemapRuns.isPagemap("pagemap-shmem-91.img")).isFalse();
        assertThat(PagemapRuns.isPagemap("pages-7.img")).isFalse();
    }

    private static List<List<Long>> pages(CriuFile pagemap) {
        List<List<Long>> pages = new ArrayList<>();
        for (CriuFile.Entry run : pagemap.entries().subList(1, pagemap.entries().size())) {
            for (long page = 0; page < run.number(5); page++) {
                pages.add(List.of(run.number(1) + page * PAGE, run.number(4)));
            }
        }
        return pages;
    }

    private static CriuFile pagemap(CriuFile.Entry... runs) {
        List<CriuFile.Entry> entries = new ArrayList<>(List.of(head()));
        entries.addAll(List.of(runs));
        return new CriuFile(ByteString.copyFrom(new byte[] {0x19, 0x43, 0x56, 0x54, 0x25, 0x40, 0x08, 0x56}), entries);
    }

    /** Which file has the pages. */
    private static CriuFile.Entry head() {
        return entry(UnknownFieldSet.newBuilder().addField(1, varint(2)));
    }

    private static CriuFile.Entry run(long address, long pages, int flags) {
        return entry(UnknownFieldSet.newBuilder().addField(1, varint(address)).addField(2, varint(0)).addField(4, varint(flags)).addField(5, varint(pages)));
    }

    private static CriuFile.Entry older(long address, long pages, int inParent) {
        return entry(UnknownFieldSet.newBuilder().addField(1, varint(address)).addField(2, varint(pages)).addField(3, varint(inParent)));
    }

    private static CriuFile.Entry entry(UnknownFieldSet.Builder fields) {
        return new CriuFile.Entry(fields.build());
    }

    private static UnknownFieldSet.Field varint(long number) {
        return UnknownFieldSet.Field.newBuilder().addVarint(number).build();
    }
}
