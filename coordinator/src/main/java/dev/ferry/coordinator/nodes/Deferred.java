package dev.ferry.coordinator.nodes;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Words of daemons on jobs that were left to the operations which were open then. The operation may end without
 * having dealt with them, so their nodes are asked again when it has ended. Held in memory: after a restart of the
 * coordinator every daemon says everything anew.
 */
final class Deferred {
    private final Set<Word> words = ConcurrentHashMap.newKeySet();

    private record Word(String job, String node) {}

    void add(String job, String node) {
        words.add(new Word(job, node));
    }

    /** Takes the nodes whose word on a job was put off. */
    Set<String> take(String job) {
        Set<String> nodes = ConcurrentHashMap.newKeySet();
        words.removeIf(word -> word.job().equals(job) && nodes.add(word.node()));
        return nodes;
    }
}
