package dev.ferry.node.gpu;

import dev.ferry.node.sandbox.RootPlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.Set;

/**
 * What a CDI specification has a container get, as far as Ferry takes it.
 *
 * @param nodes names of device nodes in /dev
 * @param environment what the job is told
 * @param files of the machine, each mounted read-only
 */
record CdiEdits(Set<String> nodes, Map<String, String> environment, List<RootPlan.Bind> files) {
    static final CdiEdits NONE = new CdiEdits(Set.of(), Map.of(), List.of());

    CdiEdits {
        nodes = Set.copyOf(nodes);
        environment = Map.copyOf(environment);
        files = List.copyOf(files);
    }

    /** Both; where they name the same, the other's counts. */
    CdiEdits with(CdiEdits other) {
        Set<String> bothNodes = new TreeSet<>(nodes);
        bothNodes.addAll(other.nodes);
        Map<String, String> bothWords = new LinkedHashMap<>(environment);
        bothWords.putAll(other.environment);
        Map<String, RootPlan.Bind> bothFiles = new LinkedHashMap<>();
        files.forEach(file -> bothFiles.put(file.destination(), file));
        other.files.forEach(file -> bothFiles.put(file.destination(), file));
        return new CdiEdits(bothNodes, bothWords, new ArrayList<>(bothFiles.values()));
    }
}
