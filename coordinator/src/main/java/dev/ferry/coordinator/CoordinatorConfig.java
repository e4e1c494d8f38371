package dev.ferry.coordinator;

import dev.ferry.common.Configs;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.storage.StoreConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * What the coordinator is told by its configuration file. Times are written 500ms, 10s, 2m.
 *
 * @param data folder for its database
 * @param grpcListen host:port for daemons and the command line, several separated by commas; port 0: any that is free
 * @param httpListen host:port for the HTTP API, metrics and health; port 0: any that is free
 * @param store where images lie; the same for all nodes
 * @param heartbeat how often daemons say that they live
 * @param nodeTimeout after how much silence a node counts as down
 * @param startDeadline how long a node may take to start a job
 * @param dumpDeadline how long a node may take to save a job and to send the image
 * @param restoreDeadline how long a node may take to bring a job back
 * @param killDeadline how long a node may take to kill, thaw or check a job
 */
public record CoordinatorConfig(
        String data,
        String grpcListen,
        String httpListen,
        StoreConfig store,
        String heartbeat,
        String nodeTimeout,
        String startDeadline,
        String dumpDeadline,
        String restoreDeadline,
        String killDeadline)
        implements Configs.Checked {
    public static CoordinatorConfig defaults() {
        return new CoordinatorConfig(
                "/var/lib/ferry/coordinator", "127.0.0.1:7070", "127.0.0.1:7080", StoreConfig.defaults(), "1s", "10s", "1m", "10m", "10m", "1m");
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
        checkTime(problems, "startDeadline", startDeadline);
        checkTime(problems, "dumpDeadline", dumpDeadline);
        checkTime(problems, "restoreDeadline", restoreDeadline);
        checkTime(problems, "killDeadline", killDeadline);
        if (problems.isEmpty() && Durations.parse(nodeTimeout).compareTo(Durations.parse(heartbeat).multipliedBy(2)) < 0) {
            problems.add("nodeTimeout: must be at least twice the heartbeat");
        }
        store.problems().forEach(problem -> problems.add("store." + problem));
        return problems;
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
