package dev.ferry.node.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RegionTest {
    private static final List<String> MAPS =
            List.of(
                    "55d0c0000000-55d0c0001000 r-xp 00000000 fe:00 1234                       /usr/bin/python3",
                    "55d0c1000000-55d0c1002000 rw-p 00000000 00:00 0                          [heap]",
                    "7f0000000000-7f0000002000 rw-s 00000000 00:01 77                         /dev/zero (deleted)",
                    "7f0000002000-7f0000003000 rw-s 00002000 00:01 77                         /dev/zero (deleted)",
                    "7f0000010000-7f0000011000 rw-s 00000000 fe:00 88                         /data/mapped file",
                    "7f0000020000-7f0000021000 ---p 00000000 00:00 0 ",
                    "7ffc00000000-7ffc00004000 r--p 00000000 00:00 0                          [vvar]",
                    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]");

    @Test
    void keepsWhatCriuDumps() {
        Set<String> shared = new HashSet<>();
        List<Region> regions = Region.of(MAPS, shared);
        assertThat(regions)
                .containsExactly(
                        new Region(0x55d0c0000000L, 0x55d0c0001000L, Region.Kind.PRIVATE_FILE),
                        new Region(0x55d0c1000000L, 0x55d0c1002000L, Region.Kind.ANONYMOUS),
                        new Region(0x7f0000000000L, 0x7f0000002000L, Region.Kind.SHARED),
                        new Region(0x7f0000002000L, 0x7f0000003000L, Region.Kind.SHARED));
        assertThat(Region.of(MAPS, shared)).as("a second process that shares the memory").noneMatch(region -> region.kind() == Region.Kind.SHARED);
    }

    @Test
    void ofAPrivateFileOnlyWrittenPagesAreWanted() {
        long present = 1L << 63;
        long swapped = 1L << 62;
        long ofAFile = 1L << 61;
        Region file = new Region(0, 4096, Region.Kind.PRIVATE_FILE);
        Region anonymous = new Region(0, 4096, Region.Kind.ANONYMOUS);
        assertThat(file.wants(present | ofAFile)).isFalse();
        assertThat(file.wants(present)).isTrue();
        assertThat(anonymous.wants(swapped)).isTrue();
        assertThat(anonymous.wants(0)).isFalse();
    }
}
