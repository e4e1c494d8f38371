package dev.ferry.chaos.simulation;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The object store: an image is there as a whole, as after its manifest, or not at all. */
final class SimImages {
    private final Map<String, Stored> images = new HashMap<>();

    /**
     * @param progress steps of the job that are in it
     */
    record Stored(String job, long incarnation, long progress) {}

    /** Create-only, as the manifest is: the first one stays. */
    void put(String id, Stored image) {
        images.putIfAbsent(id, image);
    }

    Optional<Stored> get(String id) {
        return Optional.ofNullable(images.get(id));
    }
}
