package dev.ferry.node.gpu;

import java.util.ArrayList;
import java.util.List;

/** Where the state of one GPU goes: UUIDs, the only identity of a GPU that is the same everywhere. */
public record GpuPair(String before, String after) {
    /** Pairs by position: the n-th GPU that a job had becomes the n-th that it was given. */
    public static List<GpuPair> of(List<String> before, List<String> after) {
        List<GpuPair> pairs = new ArrayList<>();
        for (int i = 0; i < before.size(); i++) {
            pairs.add(new GpuPair(before.get(i), after.get(i)));
        }
        return pairs;
    }
}
