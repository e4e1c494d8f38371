package dev.ferry.cli.output;

import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.node.NodeConfig;
import dev.ferry.storage.StoreConfig;
import java.lang.reflect.RecordComponent;
import java.util.Map;
import java.util.TreeMap;

/** Configuration files with every key, its default, and what it means. */
public final class Defaults {
    /** What each key means; a test sees that none is missing and none is left over. */
    static final Map<String, String> MEANING = new TreeMap<>();

    static {
        MEANING.put("coordinator.data", "Folder for the database.");
        MEANING.put("coordinator.grpcListen", "host:port for daemons and the command line; several separated by commas. There is no authentication yet: keep it on a private network.");
        MEANING.put("coordinator.httpListen", "host:port for the HTTP API, /metrics, /healthz and /readyz.");
        MEANING.put("coordinator.store", "Where images lie: the same for the coordinator and all nodes.");
        MEANING.put("coordinator.heartbeat", "How often daemons say that they live.");
        MEANING.put("coordinator.nodeTimeout", "After how much silence a node counts as down.");
        MEANING.put("coordinator.startDeadline", "How long a node may take to start a job.");
        MEANING.put("coordinator.dumpDeadline", "How long a node may take to save a job and to send its image.");
        MEANING.put("coordinator.restoreDeadline", "How long a node may take to bring a job back.");
        MEANING.put("coordinator.killDeadline", "How long a node may take to kill, thaw or check a job.");
        MEANING.put("node.name", "Unique in the cluster.");
        MEANING.put("node.data", "Folder for jobs: their journals, scratch folders and logs. Needs room for what jobs write.");
        MEANING.put("node.coordinator", "host:port of the coordinator's grpcListen.");
        MEANING.put("node.store", "Where images lie: the same for the coordinator and all nodes.");
        MEANING.put("node.cgroup", "Control group below which each job gets its own, relative to each hierarchy's root.");
        MEANING.put("node.cpus", "How many CPUs jobs may use; 0: all of the machine's.");
        MEANING.put("node.memory", "How much memory jobs may use, for example 200GiB; empty: all of the machine's.");
        MEANING.put("node.spoolMemory", "Buffers between CRIU's pipes and the store, allocated at the start.");
        MEANING.put("node.criu", "Path of criu (4.2 or newer); empty: looked for.");
        MEANING.put("node.runc", "Path of runc; empty: looked for.");
        MEANING.put("node.freezeTimeout", "How long the kernel may take to stop a job's processes.");
        MEANING.put("store.url", "file:///folder that every node sees, or s3://bucket/prefix.");
        MEANING.put("store.endpoint", "Address of the S3 server, for example https://s3.example.org:9000; empty: Amazon's.");
        MEANING.put("store.region", "Empty: us-east-1.");
        MEANING.put("store.accessKey", "Empty: AWS_ACCESS_KEY_ID of the environment.");
        MEANING.put("store.secretKey", "Empty: secretKeyFile, else AWS_SECRET_ACCESS_KEY of the environment.");
        MEANING.put("store.secretKeyFile", "A file that holds the secret key.");
        MEANING.put("store.pathStyle", "true: the bucket is in the path; false: in the host name.");
        MEANING.put("store.caFile", "PEM file of the authority that signed the server's certificate; empty: the system's.");
    }

    private Defaults() {}

    public static String coordinator() {
        return yaml("coordinator", CoordinatorConfig.defaults(), "");
    }

    public static String node() {
        return yaml("node", NodeConfig.defaults(), "");
    }

    private static String yaml(String prefix, Record record, String indent) {
        StringBuilder text = new StringBuilder();
        for (RecordComponent component : record.getClass().getRecordComponents()) {
            Object value = value(record, component);
            text.append(indent).append("# ").append(MEANING.getOrDefault(prefix + "." + component.getName(), "")).append('\n');
            if (value instanceof StoreConfig store) {
                text.append(indent).append(component.getName()).append(":\n").append(yaml("store", store, indent + "  "));
            } else {
                text.append(indent).append(component.getName()).append(": ").append(scalar(value)).append('\n');
            }
        }
        return text.toString();
    }

    static Object value(Record record, RecordComponent component) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String scalar(Object value) {
        return value instanceof String text ? "\"" + text + "\"" : String.valueOf(value);
    }
}
