package dev.ferry.cli.output;

import dev.ferry.coordinator.CoordinatorConfig;
import dev.ferry.node.NodeConfig;
import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Configuration files with every key, its default, and what it means. */
public final class Defaults {
    /** What each key means; a test sees that none is missing and none is left over. */
    static final Map<String, String> MEANING = new TreeMap<>();

    static {
        MEANING.put("coordinator.data", "Folder for the database.");
        MEANING.put("coordinator.grpcListen", "host:port for daemons and the command line; several separated by commas.");
        MEANING.put("coordinator.httpListen", "host:port for the HTTP API, /metrics, /healthz and /readyz.");
        MEANING.put("coordinator.store", "Where images lie: the same for the coordinator and all nodes.");
        MEANING.put("coordinator.heartbeat", "How often daemons say that they live.");
        MEANING.put("coordinator.nodeTimeout", "After how much silence a node counts as down.");
        MEANING.put("coordinator.lease", "For how long a daemon that was answered lets its jobs run without being answered again; they are frozen a sixth of it before its end.");
        MEANING.put("coordinator.onNodeLoss", "restore: jobs with an image are restored elsewhere when the lease of their node has surely ended. wait: only an operator does that.");
        MEANING.put("coordinator.startDeadline", "How long a node may take to start a job.");
        MEANING.put("coordinator.dumpDeadline", "How long a node may take to save a job and to send its image.");
        MEANING.put("coordinator.restoreDeadline", "How long a node may take to bring a job back.");
        MEANING.put("coordinator.killDeadline", "How long a node may take to kill, thaw or check a job.");
        MEANING.put("coordinator.scheduling", "How it decides who runs; docs/scheduling.md.");
        MEANING.put("scheduling.tick", "How often use decays and running jobs are billed (PriorityCalcPeriod).");
        MEANING.put("scheduling.halfLife", "In which use counts half; 0s: it never decays (PriorityDecayHalfLife).");
        MEANING.put("scheduling.usageReset", "When all use is forgotten: NONE, DAILY, WEEKLY, MONTHLY, QUARTERLY or YEARLY (PriorityUsageResetPeriod).");
        MEANING.put("scheduling.fairshare", "FAIR_TREE, CLASSIC or DEPTH_OBLIVIOUS (PriorityFlags).");
        MEANING.put("scheduling.ties", "What Fair Tree does with accounts that are level: SLURM or DOCUMENTED.");
        MEANING.put("scheduling.damping", "FairShareDampeningFactor; not used by Fair Tree.");
        MEANING.put("scheduling.billing", "How weighted resources make one number: SUM, MAX_TRES or MAX_TRES_GRES.");
        MEANING.put("scheduling.billingWeights", "What a second of each resource costs where a partition doesn't say (TRESBillingWeights).");
        MEANING.put("scheduling.weightAge", "PriorityWeightAge.");
        MEANING.put("scheduling.weightAssociation", "PriorityWeightAssoc.");
        MEANING.put("scheduling.weightFairshare", "PriorityWeightFairshare.");
        MEANING.put("scheduling.weightJobSize", "PriorityWeightJobSize.");
        MEANING.put("scheduling.weightPartition", "PriorityWeightPartition.");
        MEANING.put("scheduling.weightQos", "PriorityWeightQOS.");
        MEANING.put("scheduling.weightTres", "PriorityWeightTRES, for example CPU=1000,GRES/gpu=5000.");
        MEANING.put("scheduling.maxAge", "Waiting time that gives the whole of the age factor (PriorityMaxAge).");
        MEANING.put("scheduling.favorSmall", "Small jobs get the larger job size factor (PriorityFavorSmall).");
        MEANING.put("scheduling.parkMost", "For room that is needed for so long at most, preempted jobs with GPUs are parked in main memory; for longer, or nobody knows how long, they are stored. 0s: always stored.");
        MEANING.put("scheduling.rebalanceWindows", "When jobs are moved together without being asked so that others fit, UTC: 22:00-06:00; Sat-Sun 00:00-24:00. Empty: never.");
        MEANING.put("scheduling.rebalanceMoves", "How many jobs are moved so in any hour, those of `ferry rebalance` counted in.");
        MEANING.put("scheduling.packing", "Which nodes jobs with GPUs go to: ALIGN (beside jobs that end no sooner, so that nodes become free as a whole), PACK (whole nodes stay whole) or SPREAD.");
        MEANING.put("scheduling.preemption", "Whether running jobs are suspended so that others get what is due to them.");
        MEANING.put("scheduling.delay", "How long a job waits before room is made for it.");
        MEANING.put("scheduling.hysteresis", "Part of its due that an account must lack before room is made for it.");
        MEANING.put("scheduling.minimumRun", "How long a job runs undisturbed after each start.");
        MEANING.put("scheduling.spacing", "Least time between two preemptions of one job.");
        MEANING.put("scheduling.mostPerHour", "Preemptions in any hour.");
        MEANING.put("scheduling.mostMoving", "Part of the cluster's time that may go into moving jobs.");
        MEANING.put("scheduling.worth", "How much moving victims may cost, as a part of what it gives in the horizon.");
        MEANING.put("scheduling.horizon", "For how long what a preemption gives counts.");
        MEANING.put("scheduling.interruption", "What each interruption of a job costs beside the moving: as if one GPU (or CPU) stood still for so long.");
        MEANING.put("scheduling.moves", "Whether jobs that have room on other nodes are moved there so that jobs that are due find theirs.");
        MEANING.put("scheduling.dueFirst", "With preemption: jobs within the dues of their accounts go before others, whatever their priority.");
        MEANING.put("scheduling.decisions", "How many decisions are kept.");
        MEANING.put("scheduling.decisionsAge", "For how long they are kept.");
        MEANING.put("coordinator.security", "Who is let in; see docs/security.md.");
        MEANING.put("security.tls", "gRPC and HTTP are TLS 1.3, and nodes are known by their certificates.");
        MEANING.put("security.pki", "Folder of the certificate authority ('ferry admin ca init'), which all coordinators share; empty: one below data, made at the first start.");
        MEANING.put("security.names", "Host names by which clients know the coordinator beside its addresses, separated by commas.");
        MEANING.put("security.nodeCertificate", "How long a node's certificate lasts; the node renews it by itself when a third of that is left.");
        MEANING.put("security.tokens", "Callers must show a token.");
        MEANING.put("security.auditFileSize", "After this size a file of the audit log is put aside.");
        MEANING.put("security.auditFiles", "How many of those are kept.");
        MEANING.put("security.insecure", "true: without protection also on addresses that others can reach.");
        MEANING.put("coordinator.upkeep", "How the store is kept in order: docs/store.md.");
        MEANING.put("upkeep.collectEvery", "How often packs that no image needs are looked for and removed; 0s: only by `ferry store gc`.");
        MEANING.put("upkeep.grace", "How long such a pack waits before it is deleted. Only a folder on a network file system needs it; 0s elsewhere frees at once.");
        MEANING.put("upkeep.staleDump", "After how long a dump that has made no image counts as dead. Longer than any dump takes.");
        MEANING.put("upkeep.keepLast", "How many of a job's newest images are kept; keepLast, keepHourly and keepDaily all 0: every image. The job may say otherwise (ferry run --keep-last).");
        MEANING.put("upkeep.keepHourly", "For how many of the newest hours (UTC) that have images their newest one is kept.");
        MEANING.put("upkeep.keepDaily", "The same for days.");
        MEANING.put("upkeep.keepAfterSuccess", "How many images are kept of a job that ended with success; -1: no such rule.");
        MEANING.put("upkeep.keepEnded", "How long jobs that have ended, and have no images any more, are kept, with their operations and with their logs and files on nodes; 0s: for ever, or until `ferry job delete`.");
        MEANING.put("coordinator.evacuation", "How machines that go away are emptied; see spot.md.");
        MEANING.put("evacuation.margin", "How long before the deadline the last image should be whole.");
        MEANING.put("evacuation.finalNotice", "How long a machine is taken to live on after a final notice that gives no time.");
        MEANING.put("evacuation.maintenanceLead", "How long before a maintenance its machine is emptied.");
        MEANING.put("evacuation.link", "What a node is taken to send in a second, until dumps of it have been measured.");
        MEANING.put("evacuation.scan", "What one dump is taken to read in a second, until dumps of the node have been measured.");
        MEANING.put("evacuation.parallel", "How many dumps at most a node makes at the same time.");
        MEANING.put("coordinator.drill", "What is rehearsed without anybody asking; see spot.md.");
        MEANING.put("drill.nodeEvery", "How often the evacuation of a node is rehearsed, each time that of the node whose last drill is the longest ago; 0s: only by `ferry drill node`.");
        MEANING.put("drill.notice", "How long before its end the machine of such a node is taken to be told.");
        MEANING.put("drill.restoreEvery", "How often recent images are restored for trial; 0s: only by `ferry drill restore`.");
        MEANING.put("drill.sample", "How many images each time.");
        MEANING.put("coordinator.advertise", "host:port under which other machines reach grpcListen, where several coordinators share a database; empty: as in grpcListen.");
        MEANING.put("coordinator.imageFiles", "What moving images as files ('ferry image export' and 'import') may cost the coordinator, through which they go.");
        MEANING.put("imageFiles.largest", "How many bytes a file that is imported may have.");
        MEANING.put("imageFiles.parallel", "How many files are moved at a time; all together they take a third of the coordinator's heap at most.");
        MEANING.put("imageFiles.silence", "After how long without a byte a transfer is given up, and how long one waits for its turn.");
        MEANING.put("coordinator.database", "Where jobs, nodes and operations are kept; docs/coordinators.md.");
        MEANING.put("database.url", "jdbc:postgresql://host:port/database, which several coordinators share; empty: an SQLite file in the folder data, for one.");
        MEANING.put("database.user", "Empty: none is said.");
        MEANING.put("database.passwordFile", "A file that holds the user's password; empty: none is needed.");
        MEANING.put("database.term", "After how much silence of the leader another coordinator leads.");
        MEANING.put("node.tls", "The coordinator speaks TLS; false: it does not (security.tls there).");
        MEANING.put("node.joinToken", "By which the node joins when it has no certificate yet: 'ferry admin join-token'. It is used up by that.");
        MEANING.put("node.policy", "What jobs may ask for on this node; see docs/security.md.");
        MEANING.put("policy.allowedMounts", "Folders of the node that jobs may mount or have as their root, with all below; empty: all that are not denied.");
        MEANING.put("policy.deniedMounts", "Folders that no job may mount, nor one that holds them. /proc, /sys, /dev, /run and the daemon's own are always denied.");
        MEANING.put("policy.readOnlyMounts", "Folders that jobs may mount read-only.");
        MEANING.put("policy.users", "Numeric users and groups that jobs may run as, for example [0, 1000-60000].");
        MEANING.put("policy.nodeRoot", "Jobs may have the node's own file system, read-only, as their root; false: they must bring one (--rootfs).");
        MEANING.put("policy.gpus", "Jobs may have GPUs.");
        MEANING.put("policy.tasks", "How many processes and threads a job may have at a time; more than 4194304 is no limit.");
        MEANING.put("policy.hidden", "Folders of the node that are empty in every sandbox.");
        MEANING.put("node.name", "Unique in the cluster. Neither this nor 'cgroup' can be changed while jobs live here.");
        MEANING.put("node.data", "Folder for jobs: their journals, scratch folders and logs. Needs room for what jobs write.");
        MEANING.put("node.coordinator", "host:port of the coordinator's grpcListen; of several coordinators all, separated by commas.");
        MEANING.put("node.store", "Where images lie: the same for the coordinator and all nodes.");
        MEANING.put("node.cgroup", "Control group below which each job gets its own, relative to each hierarchy's root.");
        MEANING.put("node.cpus", "How many CPUs jobs may use; 0: all of the machine's.");
        MEANING.put("node.memory", "How much memory jobs may use, for example 200GiB; empty: all of the machine's.");
        MEANING.put("node.spoolMemory", "Buffers between CRIU's pipes and the store, made at the start, in huge pages where there are some; at most half of the machine's memory, or 256MiB if that is more.");
        MEANING.put("node.spoolDisk", "How much may wait in a file when those are full, before a dump goes at the store's speed; 0: nothing.");
        MEANING.put("node.spoolFolder", "Where that file lies; empty: in data.");
        MEANING.put("node.chunkCache", "How many bytes of chunks that were fetched or stored here are kept in data, so that a job that comes back finds them, and other nodes get them from here (peers); 0: none; auto: 2GiB, or none where the store is a folder on the same disk.");
        MEANING.put("node.peers", "Where other nodes may ask this one for chunks that its cache has, before they ask the store.");
        MEANING.put("peers.listen", "host:port that the daemon listens on for daemons of other nodes, port 0: any that is free; empty: they can't ask this one.");
        MEANING.put("peers.advertise", "host:port by which they reach it, port 0: that of listen; empty: as in listen.");
        MEANING.put("node.preCopy", "What copying a job ahead of a live migration may cost this node.");
        MEANING.put("preCopy.bandwidth", "How much of the job's memory is read in a second.");
        MEANING.put("preCopy.cpus", "How many CPUs the daemon may use meanwhile: a number, or a percentage of all CPUs.");
        MEANING.put("preCopy.rounds", "How often the memory is read at most.");
        MEANING.put("preCopy.time", "After which time no new round begins; a first one ends where it is.");
        MEANING.put("node.criu", "Path of criu (4.2 or newer); empty: looked for.");
        MEANING.put("node.runc", "Path of runc; empty: looked for.");
        MEANING.put("node.freezeTimeout", "How long the kernel may take to stop a job's processes.");
        MEANING.put("node.gpu", "The GPUs' driver; a node without one takes jobs without GPUs.");
        MEANING.put("evacuation.checkpoint", "How often images are made of jobs that say nothing themselves, while they run: auto; exposed, which is auto on nodes of pools that lose machines often, for jobs that run long; never; or a time such as 10m.");
        MEANING.put("evacuation.mostFrozen", "Which share of its time a job may stand still for such images.");
        MEANING.put("node.pool", "Name of the pool of machines like this one, which are taken away as often, for example the zone and the machine's type; empty: of none.");
        MEANING.put("node.notices", "Where to look for the word that the machine goes away; see spot.md.");
        MEANING.put("node.hooks", "What is called before and after jobs are saved, brought back and moved away: a list of {event: before-dump, exec: [/program, argument], timeout: 10s, onFailure: ignore}, with a url in the place of exec; docs/hooks.md.");
        MEANING.put("notices.sources", "auto: by what the firmware says the machine is; else some of aws, gcp and azure, separated by commas; empty: no cloud is asked.");
        MEANING.put("notices.poll", "How long between two looks at a source that can't wait by itself.");
        MEANING.put("notices.awsEndpoint", "Address of Amazon's metadata service.");
        MEANING.put("notices.gcpEndpoint", "Address of Google's metadata server.");
        MEANING.put("notices.azureEndpoint", "Address of Azure's metadata service.");
        MEANING.put("notices.azureAcknowledge", "true: Azure is told to begin as soon as the node is empty, instead of at the time it gave.");
        MEANING.put("notices.file", "Path of a file that announces by its being there; empty: none.");
        MEANING.put("notices.signal", "Which signal to the daemon announces the machine's end, PWR or USR1; empty: none.");
        MEANING.put("notices.systemd", "true: systemd's login manager is asked for shutdowns, and waits with them until the node is empty, at most for its InhibitDelayMaxSec.");
        MEANING.put("notices.slurm", "Slurm, whose daemon runs on the same machine.");
        MEANING.put("slurm.node", "The machine's name in Slurm; empty: it is not asked.");
        MEANING.put("slurm.scontrol", "The program, by name or path.");
        MEANING.put("notices.kubernetes", "Kubernetes, of which the machine is a node.");
        MEANING.put("kubernetes.node", "The machine's name in Kubernetes; empty: it is not asked.");
        MEANING.put("kubernetes.endpoint", "Address of the API server.");
        MEANING.put("kubernetes.tokenFile", "The token of a service account that may get nodes.");
        MEANING.put("kubernetes.caFile", "PEM file of the authority that signed the server's certificate; empty: the system's.");
        MEANING.put("kubernetes.signs", "Taints, and conditions that are True, that announce something: KEY=KIND, condition:TYPE=KIND; the kind is final, maintenance or advisory.");
        MEANING.put("gpu.library", "libcuda.so.1, by name or path.");
        MEANING.put("gpu.nvml", "libnvidia-ml.so.1, by name or path.");
        MEANING.put("gpu.program", "Path of cuda-checkpoint, which drivers before 570 need.");
        MEANING.put("gpu.standIn", "Folder of a stand-in's devices, for tests; empty: real GPUs.");
        MEANING.put("gpu.lockTimeout", "How long a job's processes may take to finish what they gave to the GPU.");
        MEANING.put("gpu.sampleEvery", "How often it is looked how much memory jobs have on their GPUs and how busy these are; 0s: never.");
        MEANING.put("gpu.cdi", "Folders of CDI specifications: what jobs get with NVIDIA GPUs, as the driver's installation wrote it down.");
        MEANING.put("gpu.callTimeout", "After how long a call of the driver that does not come back marks the job as stuck.");
        MEANING.put("store.url", "file:///folder that every node sees, or s3://bucket/prefix.");
        MEANING.put("store.endpoint", "Address of the S3 server, for example https://s3.example.org:9000; empty: Amazon's.");
        MEANING.put("store.region", "Empty: us-east-1.");
        MEANING.put("store.accessKey", "Empty: AWS_ACCESS_KEY_ID of the environment.");
        MEANING.put("store.secretKey", "Empty: secretKeyFile, else AWS_SECRET_ACCESS_KEY of the environment.");
        MEANING.put("store.secretKeyFile", "A file that holds the secret key.");
        MEANING.put("store.pathStyle", "true: the bucket is in the path; false: in the host name.");
        MEANING.put("store.caFile", "PEM file of the authority that signed the server's certificate; empty: the system's.");
        MEANING.put("store.encryption", "Encryption at rest, docs/store.md: the same for the coordinator and all nodes.");
        MEANING.put("encryption.masterKeyFile", "A file that holds the master key (`ferry store keys generate FILE` makes one); empty, and no command: objects are not encrypted.");
        MEANING.put("encryption.masterKeyCommand", "A command for /bin/sh that prints the master key.");
        MEANING.put("encryption.previousMasterKeyFile", "The master key before, until `ferry store keys rotate` has been run.");
        MEANING.put("encryption.acceptPlain", "Objects that are not encrypted are read: for a store that has some from before.");
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
            if (value instanceof Record nested) {
                text.append(indent).append(component.getName()).append(":\n").append(yaml(component.getName(), nested, indent + "  "));
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
        if (value instanceof List<?> list) {
            return list.stream().map(Defaults::scalar).collect(Collectors.joining(", ", "[", "]"));
        }
        return value instanceof String text ? "\"" + text + "\"" : String.valueOf(value);
    }
}
