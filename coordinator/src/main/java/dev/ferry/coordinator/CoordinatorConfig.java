package dev.ferry.coordinator;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.evacuation.DrillConfig;
import dev.ferry.coordinator.evacuation.EvacuationConfig;
import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.storage.StoreConfig;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * What the coordinator is told by its configuration file. Times are written 500ms, 10s, 2m.
 *
 * @param data folder for its database
 * @param grpcListen host:port for daemons and the command line, several separated by commas; port 0: any that is free
 * @param httpListen host:port for the HTTP API, metrics and health; port 0: any that is free
 * @param store where images lie; the same for all nodes
 * @param heartbeat how often daemons say that they live
 * @param nodeTimeout after how much silence a node counts as down
 * @param lease for how long a daemon that was answered may let its jobs run without being answered again
 * @param onNodeLoss restore: jobs with an image are restored elsewhere when their node's lease has surely ended; wait: only an operator does that
 * @param startDeadline how long a node may take to start a job
 * @param dumpDeadline how long a node may take to save a job and to send the image
 * @param restoreDeadline how long a node may take to bring a job back
 * @param killDeadline how long a node may take to kill, thaw or check a job
 * @param scheduling how it decides who runs
 * @param security who is let in
 * @param upkeep how the store is kept in order
 * @param evacuation how machines that go away are emptied
 * @param drill what is rehearsed without anybody asking
 * @param advertise host:port under which other machines reach grpcListen, told to who asks a coordinator that does not lead; empty: as it is in grpcListen
 * @param imageFiles what moving images as files may cost
 * @param database where jobs, nodes and operations are kept
 */
public record CoordinatorConfig(
        String data,
        String grpcListen,
        String httpListen,
        StoreConfig store,
        String heartbeat,
        String nodeTimeout,
        String lease,
        String onNodeLoss,
        String startDeadline,
        String dumpDeadline,
        String restoreDeadline,
        String killDeadline,
        SchedulingConfig scheduling,
        SecurityConfig security,
        UpkeepConfig upkeep,
        EvacuationConfig evacuation,
        DrillConfig drill,
        String advertise,
        ImageFilesConfig imageFiles,
        DatabaseConfig database)
        implements Configs.Checked {
    private static final String RESTORE = "restore";
    private static final String WAIT = "wait";

    public static CoordinatorConfig defaults() {
        return new CoordinatorConfig(
                "/var/lib/ferry/coordinator", "127.0.0.1:7070", "127.0.0.1:7080", StoreConfig.defaults(), "1s", "10s", "20s", RESTORE, "1m", "10m", "10m", "1m", SchedulingConfig.defaults(), SecurityConfig.defaults(), UpkeepConfig.defaults(), EvacuationConfig.defaults(), DrillConfig.defaults(), "", ImageFilesConfig.defaults(), DatabaseConfig.defaults());
    }

    /** Whether jobs are restored elsewhere without an operator's word. */
    boolean restoresOnNodeLoss() {
        return onNodeLoss.equals(RESTORE);
    }

    /** The same on the ports that were free when any was asked for. */
    public CoordinatorConfig withPorts(int grpc, int http) {
        String[] listens = grpcListen.split(",", 2);
        String rest = listens.length > 1 ? "," + listens[1] : "";
        String ports = "grpcListen: \"" + withPort(listens[0].trim(), grpc) + rest + "\"\nhttpListen: \"" + withPort(httpListen, http) + "\"\n";
        return Configs.parse(ports, "the ports", this);
    }

    private static String withPort(String address, int port) {
        return address.substring(0, address.lastIndexOf(':') + 1) + port;
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (!data.startsWith("/")) {
            problems.add("data: '" + data + "' must be an absolute path");
        }
        for (String address : grpcListen.split(",", -1)) {
            checkAddress(problems, "grpcListen", address.trim());
        }
        checkAddress(problems, "httpListen", httpListen);
        checkTime(problems, "heartbeat", heartbeat);
        checkTime(problems, "nodeTimeout", nodeTimeout);
        checkTime(problems, "lease", lease);
        if (!onNodeLoss.equals(RESTORE) && !onNodeLoss.equals(WAIT)) {
            problems.add("onNodeLoss: '" + onNodeLoss + "' must be " + RESTORE + " or " + WAIT);
        }
        checkTime(problems, "startDeadline", startDeadline);
        checkTime(problems, "dumpDeadline", dumpDeadline);
        checkTime(problems, "restoreDeadline", restoreDeadline);
        checkTime(problems, "killDeadline", killDeadline);
        if (problems.isEmpty() && Durations.parse(nodeTimeout).compareTo(Durations.parse(heartbeat).multipliedBy(2)) < 0) {
            problems.add("nodeTimeout: must be at least twice the heartbeat");
        }
        if (problems.isEmpty() && Durations.parse(lease).compareTo(Durations.parse(nodeTimeout)) < 0) {
            problems.add("lease: must not be shorter than nodeTimeout");
        }
        if (problems.isEmpty() && Durations.parse(lease).compareTo(Durations.parse(heartbeat).multipliedBy(4)) < 0) {
            problems.add("lease: must be at least four times the heartbeat: jobs are frozen a sixth of it before its end");
        }
        scheduling.problems().forEach(problem -> problems.add("scheduling." + problem));
        if (problems.isEmpty() && !security.isProtected() && !security.insecure()) {
            refuseOpenAddresses(problems);
        }
        security.problems().forEach(problem -> problems.add("security." + problem));
        upkeep.problems().forEach(problem -> problems.add("upkeep." + problem));
        evacuation.problems().forEach(problem -> problems.add("evacuation." + problem));
        drill.problems().forEach(problem -> problems.add("drill." + problem));
        if (!advertise.isEmpty()) {
            checkAddress(problems, "advertise", advertise);
        }
        imageFiles.problems().forEach(problem -> problems.add("imageFiles." + problem));
        database.problems().forEach(problem -> problems.add("database." + problem));
        store.problems().forEach(problem -> problems.add("store." + problem));
        return problems;
    }

    /** Where others could come in, nobody does without TLS and tokens, unless it is written that this is wanted. */
    private void refuseOpenAddresses(List<String> problems) {
        for (String host : listenHosts()) {
            try {
                if (!InetAddress.getByName(host).isLoopbackAddress()) {
                    problems.add("security: " + host + " can be reached from other machines: set security.tls and security.tokens to true, listen on 127.0.0.1, or write security.insecure: true");
                }
            } catch (UnknownHostException unknown) {
                problems.add("security: nothing is known of the host " + host);
            }
        }
    }

    /** Hosts and addresses of all that is listened on. */
    public List<String> listenHosts() {
        return Stream.concat(Stream.of(grpcListen.split(",", -1)), Stream.of(httpListen))
                .map(String::trim)
                .map(address -> address.substring(0, address.lastIndexOf(':')).replaceAll("^\\[|\\]$", ""))
                .distinct()
                .toList();
    }

    /** Folder of the certificate authority. */
    public Path pki() {
        return security.pki().isEmpty() ? Path.of(data).resolve("pki") : Path.of(security.pki());
    }

    private static void checkAddress(List<String> problems, String key, String value) {
        if (!value.matches("([^\\s:]+|\\[[^\\]]+\\]):\\d{1,5}")) {
            problems.add(key + ": '" + value + "' must be host:port");
        }
    }

    private static void checkTime(List<String> problems, String key, String value) {
        try {
            if (Durations.parse(value).isZero()) {
                problems.add(key + ": must not be zero");
            }
        } catch (FerryException wrong) {
            problems.add(key + ": " + wrong.getMessage());
        }
    }
}
