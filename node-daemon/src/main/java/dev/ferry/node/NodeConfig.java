package dev.ferry.node;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.storage.StoreConfig;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a node's daemon is told by its configuration file.
 *
 * @param name of the node, unique in the cluster
 * @param data folder for the jobs' folders and journals; needs room for the jobs' scratch folders
 * @param coordinator address of its gRPC server, host:port
 * @param store where images lie; the same for all nodes and the coordinator
 * @param cgroup control group below which each job gets its own, relative to each hierarchy's root
 * @param cpus how many CPUs the jobs may use; 0: all that the machine has
 * @param memory how much memory the jobs may use; empty: all that the machine has
 * @param spoolMemory buffers between CRIU's pipes and the store, allocated at the start
 * @param criu path of the criu program; empty: looked for
 * @param runc path of the runc program; empty: looked for
 * @param freezeTimeout how long the kernel may take to stop a job's processes
 */
public record NodeConfig(
        String name,
        String data,
        String coordinator,
        StoreConfig store,
        String cgroup,
        double cpus,
        String memory,
        String spoolMemory,
        String criu,
        String runc,
        String freezeTimeout)
        implements Configs.Checked {
    public static NodeConfig defaults() {
        return new NodeConfig(
                hostName(), "/var/lib/ferry/node", "127.0.0.1:7070", StoreConfig.defaults(), "ferry", 0, "", "256MiB", "", "", "10s");
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException nameless) {
            return "node";
        }
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,62}")) {
            problems.add("name: '" + name + "' must be letters, digits, '.', '_' and '-', at most 63");
        }
        if (!data.startsWith("/")) {
            problems.add("data: '" + data + "' must be an absolute path");
        }
        if (!coordinator.matches("[^\\s:]+:\\d+|\\[[^\\]]+\\]:\\d+")) {
            problems.add("coordinator: '" + coordinator + "' must be host:port");
        }
        if (!cgroup.matches("[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*") || cgroup.contains("..")) {
            problems.add("cgroup: '" + cgroup + "' must be a relative path of plain names");
        }
        if (cpus < 0) {
            problems.add("cpus: must not be negative");
        }
        check(problems, "memory", memory.isEmpty() ? "1" : memory, Sizes::parse);
        check(problems, "spoolMemory", spoolMemory, Sizes::parse);
        check(problems, "freezeTimeout", freezeTimeout, Durations::parse);
        store.problems().forEach(problem -> problems.add("store." + problem));
        return problems;
    }

    private static void check(List<String> problems, String key, String value, Consumer<String> parser) {
        try {
            parser.accept(value);
        } catch (FerryException wrong) {
            problems.add(key + ": " + wrong.getMessage());
        }
    }
}
