package dev.ferry.node;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.node.doctor.Machine;
import dev.ferry.node.gpu.GpuConfig;
import dev.ferry.node.hooks.HookConfig;
import dev.ferry.node.memory.PreCopyConfig;
import dev.ferry.node.notices.NoticesConfig;
import dev.ferry.node.peers.PeersConfig;
import dev.ferry.node.policy.PolicyConfig;
import dev.ferry.storage.StoreConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What a node's daemon is told by its configuration file.
 *
 * @param name of the node, unique in the cluster
 * @param data folder for the jobs' folders and journals; needs room for the jobs' scratch folders
 * @param coordinator address of its gRPC server, host:port; of several coordinators all, separated by commas
 * @param store where images lie; the same for all nodes and the coordinator
 * @param cgroup control group below which each job gets its own, relative to each hierarchy's root
 * @param cpus how many CPUs the jobs may use; 0: all that the machine has
 * @param memory how much memory the jobs may use; empty: all that the machine has
 * @param spoolMemory buffers between CRIU's pipes and the store, allocated at the start
 * @param spoolDisk how much may wait in a file when those are full, before the dump goes at the store's speed; 0: nothing
 * @param spoolFolder where that file lies; empty: in data
 * @param chunkCache how many bytes of chunks that were here are kept in data; 0: none; {@value #AUTO}: see {@link #chunkCacheBytes}
 * @param peers where other nodes may ask this one for chunks
 * @param preCopy what copying a job ahead may cost
 * @param criu path of the criu program; empty: looked for
 * @param runc path of the runc program; empty: looked for
 * @param freezeTimeout how long the kernel may take to stop a job's processes
 * @param gpu where the GPUs' driver is and how long its calls may take
 * @param pool of machines like this one, which are taken away as often; empty: of none
 * @param tls whether the coordinator speaks TLS; then the node has a certificate
 * @param joinToken by which the node joins when it has no certificate yet
 * @param policy what jobs may ask for here
 * @param notices where to look for the word that the machine goes away
 * @param hooks what is called before and after jobs are saved, brought back and moved away
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
        String spoolDisk,
        String spoolFolder,
        String chunkCache,
        PeersConfig peers,
        PreCopyConfig preCopy,
        String criu,
        String runc,
        String freezeTimeout,
        GpuConfig gpu,
        NoticesConfig notices,
        List<HookConfig> hooks,
        String pool,
        boolean tls,
        String joinToken,
        PolicyConfig policy)
        implements Configs.Checked {
    private static final String AUTO = "auto";
    private static final long USUAL_CACHE = 2L << 30;

    public NodeConfig {
        hooks = List.copyOf(hooks);
    }

    public static NodeConfig defaults() {
        return new NodeConfig(
                hostName(), "/var/lib/ferry/node", "127.0.0.1:7070", StoreConfig.defaults(), "ferry", 0, "", "256MiB", "4GiB", "", AUTO, PeersConfig.defaults(), PreCopyConfig.defaults(), "", "", "10s", GpuConfig.defaults(), NoticesConfig.defaults(), List.of(), "", true, "", PolicyConfig.defaults());
    }

    /** Folder of the node's certificate. */
    public Path pki() {
        return Path.of(data).resolve("pki");
    }

    /**
     * How large the cache of chunks may be. Of a store that is a folder on the same disk as the node's data there is none by itself: it would be written in
     * the time that a restore waits, and read no faster than the store.
     */
    public long chunkCacheBytes() throws IOException {
        if (!chunkCache.equals(AUTO)) {
            return Sizes.parse(chunkCache);
        }
        Optional<Path> folder = store.folder();
        return folder.isPresent() && device(folder.get()).equals(device(Path.of(data))) ? 0 : USUAL_CACHE;
    }

    /** Of the file system on which a folder lies, or will. */
    private static Object device(Path folder) throws IOException {
        return Files.getAttribute(Machine.nearestFolder(folder), "unix:dev");
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
        for (String address : coordinator.split(",", -1)) {
            if (!address.strip().matches("[^\\s:]+:\\d+|\\[[^\\]]+\\]:\\d+")) {
                problems.add("coordinator: '" + address.strip() + "' must be host:port; several are separated by commas");
            }
        }
        if (!cgroup.matches("[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*") || cgroup.contains("..")) {
            problems.add("cgroup: '" + cgroup + "' must be a relative path of plain names");
        }
        if (cpus < 0) {
            problems.add("cpus: must not be negative");
        }
        check(problems, "memory", memory.isEmpty() ? "1" : memory, Sizes::parse);
        check(problems, "spoolMemory", spoolMemory, Sizes::parse);
        check(problems, "spoolDisk", spoolDisk, Sizes::parse);
        check(problems, "chunkCache", chunkCache.equals(AUTO) ? "0" : chunkCache, Sizes::parse);
        peers.problems(tls).forEach(problem -> problems.add("peers." + problem));
        preCopy.problems().forEach(problem -> problems.add("preCopy." + problem));
        if (!spoolFolder.isEmpty() && !spoolFolder.startsWith("/")) {
            problems.add("spoolFolder: '" + spoolFolder + "' must be an absolute path");
        }
        check(problems, "freezeTimeout", freezeTimeout, Durations::parse);
        if (!pool.matches("[A-Za-z0-9._/-]{0,63}")) {
            problems.add("pool: '" + pool + "' must be letters, digits, '.', '_', '/' and '-', at most 63");
        }
        policy.problems().forEach(problem -> problems.add("policy." + problem));
        notices.problems().forEach(problem -> problems.add("notices." + problem));
        for (int at = 0; at < hooks.size(); at++) {
            String key = "hooks[" + at + "].";
            hooks.get(at).problems().forEach(problem -> problems.add(key + problem));
        }
        gpu.problems().forEach(problem -> problems.add("gpu." + problem));
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
