package dev.ferry.node.criu;

import dev.ferry.proto.v1.ChunkList;
import dev.ferry.storage.ChunkLists;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * What of a process's memory that is there ahead is still as the image has it: the same bytes, by the name of their chunk, at the same addresses.
 *
 * @param moved the mappings that are taken as they are there
 * @param dropped bytes of the area that are there and that the job no longer has
 * @param kept bytes of the area that are right
 * @param rest the chunks of the image that criu must still read
 */
record MemoryUse(List<ProcessMappings.Placed> moved, List<PageRun> dropped, List<PageRun> kept, ChunkList rest) {
    /**
     * What is there.
     *
     * @param areas where each begins in the job, and ends
     * @param windows in ascending order; none of zeros
     */
    record There(Map<Long, Long> areas, List<MemoryWindow> windows) {
        /** All of it. */
        List<PageRun> runs() {
            List<PageRun> runs = new ArrayList<>();
            windows.forEach(window -> window.runs().forEach(run -> PageRun.append(runs, run)));
            return runs;
        }
    }

    /**
     * @param mappings as the image has them
     * @param begin of criu's area, modulo a huge page
     * @param isAlone whether no other process has the same mapping: criu may take it from a parent
     * @param pages all pages of the image, in ascending order
     * @param windows the same pages by chunks
     * @param chunks the image's list of them
     */
    static MemoryUse of(There there, ProcessMappings mappings, long begin, Predicate<ProcessMappings.Mapping> isAlone, List<PageRun> pages, List<MemoryWindow> windows, ChunkList chunks) {
        List<ProcessMappings.Placed> candidates =
                mappings.all().stream()
                        .filter(one -> one.mapping().isPlain() && there.areas.containsKey(one.mapping().start()) && one.begin() == begin && isAlone.test(one.mapping()))
                        .toList();
        // Without a window that is right a mapping is better made as always.
        Set<ProcessMappings.Placed> useful = new HashSet<>();
        Same same = new Same(there);
        Places of = new Places(candidates, there);
        for (MemoryWindow window : windows) {
            if (!window.zeros() && same.holds(window) && of.hold(window)) {
                window.runs().forEach(run -> of.holding(run).ifPresent(useful::add));
            }
        }
        List<ProcessMappings.Placed> moved = candidates.stream().filter(useful::contains).toList();
        Places places = new Places(moved, there);
        BitSet rest = new BitSet();
        rest.set(0, chunks.getLengthsCount());
        List<PageRun> kept = new ArrayList<>();
        for (MemoryWindow window : windows) {
            if (same.holds(window) && places.hold(window)) {
                rest.clear(window.chunk());
                window.runs().forEach(run -> PageRun.append(kept, places.inArea(run)));
            }
        }
        List<PageRun> dropped = new ArrayList<>();
        for (PageRun run : PageRun.minus(there.runs(), pages)) {
            // Not joined: each belongs to one mapping.
            places.clip(run).forEach(part -> dropped.add(places.inArea(part)));
        }
        return new MemoryUse(moved, dropped, kept, ChunkLists.pick(chunks, rest));
    }

    /** Whether the bytes of a window are there. */
    private static final class Same {
        private final Map<Long, MemoryWindow> byAddress = new HashMap<>();
        /** Begins and ends of what is there. */
        private final NavigableMap<Long, Long> filled = new TreeMap<>();

        Same(There there) {
            there.windows.forEach(window -> byAddress.put(window.runs().getFirst().begin(), window));
            there.runs().forEach(run -> filled.put(run.begin(), run.end()));
        }

        boolean holds(MemoryWindow window) {
            return window.zeros() ? window.runs().stream().allMatch(this::isUntouched) : isSame(window);
        }

        private boolean isSame(MemoryWindow window) {
            MemoryWindow one = byAddress.get(window.runs().getFirst().begin());
            return one != null && one.name().equals(window.name()) && one.runs().equals(window.runs());
        }

        /** Fresh memory is zeros. */
        private boolean isUntouched(PageRun run) {
            Map.Entry<Long, Long> before = filled.lowerEntry(run.end());
            return before == null || before.getValue() <= run.begin();
        }
    }

    /** Which mapping an address belongs to. */
    private static final class Places {
        private final NavigableMap<Long, ProcessMappings.Placed> byStart = new TreeMap<>();
        private final There there;

        Places(List<ProcessMappings.Placed> mappings, There there) {
            this.there = there;
            mappings.forEach(one -> byStart.put(one.mapping().start(), one));
        }

        /** The mapping in which all of a run lies. */
        Optional<ProcessMappings.Placed> holding(PageRun run) {
            return Optional.ofNullable(byStart.floorEntry(run.begin())).map(Map.Entry::getValue).filter(one -> run.end() <= one.mapping().end());
        }

        /** Whether all of a window lies in mappings, and in the areas that are moved to them: what lies behind an area's end was in another one. Of zeros that is no matter. */
        boolean hold(MemoryWindow window) {
            return window.runs().stream().allMatch(run -> holding(run).filter(one -> window.zeros() || run.end() <= there.areas.getOrDefault(one.mapping().start(), 0L)).isPresent());
        }

        /** The parts of a run that lie in mappings. */
        List<PageRun> clip(PageRun run) {
            List<PageRun> parts = new ArrayList<>();
            for (ProcessMappings.Placed one : byStart.headMap(run.end()).values()) {
                long from = Math.max(run.begin(), one.mapping().start());
                long to = Math.min(run.end(), one.mapping().end());
                if (from < to) {
                    parts.add(new PageRun(from, to - from));
                }
            }
            return parts;
        }

        PageRun inArea(PageRun run) {
            ProcessMappings.Placed one = holding(run).orElseThrow();
            return new PageRun(run.begin() - one.mapping().start() + one.offset(), run.bytes());
        }
    }
}
