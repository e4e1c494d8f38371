package dev.ferry.node.criu;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import dev.ferry.storage.look.CriuFile;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class HugePagesTest {
    private static final int REGULAR = 1;
    private static final int FILE_PRIVATE = 1 << 6;
    private static final int ANON_SHARED = 1 << 8;
    private static final int ANON_PRIVATE = 1 << 9;
    private static final long NO_HUGE_PAGE = 1 << 15;
    private static final long MIB = 1 << 20;

    @Test
    void whoeverSwitchedThemOffHasNone() {
        assertThat(HugePages.areWanted("always madvise [never]\n")).isFalse();
        assertThat(HugePages.areWanted("always [madvise] never\n")).isTrue();
        assertThat(HugePages.areWanted("[always] madvise never\n")).isTrue();
    }

    /** Before the great mapping lie 3 pages of a file and 5 of the process's own; shared memory and the kernel's page are not read into the area. */
    @Test
    void theAreaBeginsSoThatMostMemoryIsMovedByTwoMebibytes() throws Exception {
        CriuFile.Entry process =
                process(
                        mapping(0x400000, 0x403000, REGULAR | FILE_PRIVATE, 0),
                        mapping(0x500000, 0x505000, REGULAR | ANON_PRIVATE, 0),
                        mapping(0x10000000, 0x10000000 + 16 * MIB, REGULAR | ANON_SHARED, 0),
                        mapping(0x7f0000001000L, 0x7f0000001000L + 64 * MIB, REGULAR | ANON_PRIVATE, 0),
                        mapping(0x7f1000000000L, 0x7f1000000000L + 8 * MIB, REGULAR | ANON_PRIVATE, 0),
                        mapping(0xffffffffff600000L, 0xffffffffff601000L, REGULAR | ANON_PRIVATE, 0));
        assertThat(begin(process)).hasValue(Math.floorMod(0x1000 - 0x8000, 2 * MIB));
    }

    @Test
    void aProcessWithoutLargeMemoryHasNone() throws Exception {
        assertThat(begin(process())).isEmpty();
        // 3 MiB, of which no aligned 2 MiB are a part.
        assertThat(begin(process(mapping(MIB, 4 * MIB - 0x1000, REGULAR | ANON_PRIVATE, 0)))).isEmpty();
        assertThat(begin(process(mapping(0, 64 * MIB, REGULAR | FILE_PRIVATE, 0)))).isEmpty();
    }

    @Test
    void aProcessThatAskedForNoneHasNone() throws Exception {
        CriuFile.Entry large = mapping(64 * MIB, 128 * MIB, REGULAR | ANON_PRIVATE, 0);
        assertThat(begin(process(large))).isPresent();
        assertThat(begin(process(large, mapping(256 * MIB, 260 * MIB, REGULAR | ANON_PRIVATE, NO_HUGE_PAGE)))).isEmpty();
        UnknownFieldSet switchedOff = process(large).fields().toBuilder().addField(17, number(1)).build();
        assertThat(begin(new CriuFile.Entry(switchedOff))).isEmpty();
    }

    private static OptionalLong begin(CriuFile.Entry process) throws Exception {
        return ProcessMappings.of(new CriuFile(ByteString.copyFrom(new byte[8]), List.of(process)).content()).beginOfArea();
    }

    private static CriuFile.Entry process(CriuFile.Entry... mappings) {
        UnknownFieldSet.Field.Builder all = UnknownFieldSet.Field.newBuilder();
        for (CriuFile.Entry mapping : mappings) {
            all.addLengthDelimited(mapping.fields().toByteString());
        }
        return new CriuFile.Entry(UnknownFieldSet.newBuilder().addField(14, all.build()).build());
    }

    private static CriuFile.Entry mapping(long start, long end, int status, long advice) {
        return new CriuFile.Entry(UnknownFieldSet.newBuilder().addField(1, number(start)).addField(2, number(end)).addField(7, number(status)).addField(9, number(advice)).build());
    }

    private static UnknownFieldSet.Field number(long value) {
        return UnknownFieldSet.Field.newBuilder().addVarint(value).build();
    }
}
