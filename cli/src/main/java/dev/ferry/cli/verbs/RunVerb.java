package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.OnPartition;
import dev.ferry.proto.v1.RunJobRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ferry run}. */
@Command(
        name = "run",
        description = "Runs a command as a job.",
        footer = {"", "Example:", "  ferry run --name train --cpus 2 --memory 4GiB --mount /data:/data:ro -- python3 /data/train.py"})
public final class RunVerb implements Callable<Integer> {
    @Mixin private final ServerOption server = new ServerOption();

    @Option(names = "--name", description = "Name of the job; else its id.", defaultValue = "")
    private String name = "";

    @Option(names = "--workdir", paramLabel = "DIR", description = "Folder of the node that the job works in; else a scratch folder that travels with the job.", defaultValue = "")
    private String workdir = "";

    @Option(names = "--mount", paramLabel = "SRC:DST[:ro]", description = "A folder or file of the node that the job sees; it is not in the job's images.")
    private List<String> mounts = new ArrayList<>();

    @Option(names = "--env", paramLabel = "K=V", description = "A variable of the job's environment.")
    private List<String> environment = new ArrayList<>();

    @Option(names = "--cpus", paramLabel = "N", description = "CPUs, also a part of one; default 1.", defaultValue = "0")
    private double cpus;

    @Option(names = "--memory", paramLabel = "SIZE", description = "Memory, for example 512MiB; default 1GiB.", defaultValue = "")
    private String memory = "";

    @Option(names = "--gpus", paramLabel = "N", description = "GPUs; default none.", defaultValue = "0")
    private int gpus;

    @Option(names = "--gpu-model", paramLabel = "NAME", description = "Only GPUs whose model holds this name, for example H100.", defaultValue = "")
    private String gpuModel = "";

    @Option(names = "--user", paramLabel = "UID[:GID]", description = "User that the job runs as; default root.", defaultValue = "0")
    private String user = "0";

    @Option(names = "--rootfs", paramLabel = "DIR", description = "Folder of the node that is the job's root file system; else the node's own, read-only.", defaultValue = "")
    private String rootfs = "";

    @Option(names = "--node", description = "Only on this node.", defaultValue = "")
    private String node = "";

    @Option(names = "--account", paramLabel = "ACCOUNT", description = "Account that the job is billed to; else the user's default.", defaultValue = "")
    private String account = "";

    @Option(names = "--qos", paramLabel = "QOS", description = "Quality of service; else that of the account.", defaultValue = "")
    private String qos = "";

    @Option(names = "--partition", paramLabel = "PARTITION", description = "Only on nodes of this partition.", defaultValue = "")
    private String partition = "";

    @Option(names = "--nice", paramLabel = "N", description = "Points off the job's priority.", defaultValue = "0")
    private long nice;

    @Option(names = "--time-limit", paramLabel = "TIME", description = "How long it runs at most, for example 2h: with it the queue can plan, and shorter jobs go ahead.", defaultValue = "")
    private String timeLimit = "";

    @Option(names = "--as-user", paramLabel = "NAME", description = "User whose job it is; else root.", defaultValue = "")
    private String userName = "";

    @Mixin private final KeepOptions keep = new KeepOptions();

    @Mixin private final NotifyOptions notify = new NotifyOptions();

    @Option(names = "--checkpoint-every", paramLabel = "TIME|auto|exposed|never", description = "How often an image is made while it runs; exposed: auto where machines are lost often, else never; default evacuation.checkpoint of the coordinator.", defaultValue = "")
    private String checkpointEvery = "";

    @Option(
            names = "--on-partition",
            paramLabel = "freeze|continue",
            description = "When its node is cut off: freeze it, so that it may be restored elsewhere; or let it run on, and never start it elsewhere without other proof.",
            defaultValue = "freeze")
    private String onPartition = "freeze";

    @Option(names = "--detach", description = "Print the job's id and return; the default.")
    private boolean detach;

    @Option(names = "--wait", paramLabel = "running", description = "Return when the job runs.", defaultValue = "")
    private String until = "";

    @Option(names = "--timeout", paramLabel = "TIME", description = "With --wait: give up after so long, for example 10m; the job stays.", defaultValue = "")
    private String timeout = "";

    @Option(names = "--follow", description = "Show the job's output until it ends; the exit status is the job's.")
    private boolean follow;

    @Parameters(paramLabel = "CMD", arity = "1..*", description = "The command and its arguments, behind '--'.")
    private List<String> command = new ArrayList<>();

    @Override
    public Integer call() {
        requireOneEnd();
        // Before the job is there.
        Optional<Duration> atMost = Times.atMost("--timeout", timeout);
        try (Client client = server.connect()) {
            Job job = client.ask(stub -> stub.runJob(RunJobRequest.newBuilder().setSpec(spec()).build()));
            if (follow) {
                System.err.println("job " + job.getId());
                return JobEnd.follow(client, job.getId());
            }
            if (!until.isEmpty()) {
                String id = job.getId();
                System.err.println("job " + id);
                job = JobEnd.within(atMost, "Job " + id + " does not run within " + timeout, "'ferry explain " + id + "' says why it waits", () -> JobEnd.awaitState(client, id, state -> state == JobState.RUNNING));
                refuseNeverRan(job);
            }
            Job shown = job;
            server.print(shown, () -> shown.getId() + "\n");
            return 0;
        }
    }

    private void requireOneEnd() {
        if (!until.isEmpty() && !until.equals("running")) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--wait takes 'running', not '" + until + "'");
        }
        if (!timeout.isEmpty() && until.isEmpty()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--timeout goes with --wait");
        }
        if ((detach && follow) || (detach && !until.isEmpty()) || (follow && !until.isEmpty())) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--detach, --wait and --follow say each when this command ends: give one of them");
        }
    }

    private static void refuseNeverRan(Job job) {
        JobEnd.refuseFailed(job);
        if (job.getState() == JobState.CANCELLED_JOB) {
            throw new FerryException(ErrorCode.CANCELLED, "Job " + job.getId() + " was cancelled before it ran");
        }
    }

    private JobSpec spec() {
        JobSpec.Builder spec =
                JobSpec.newBuilder()
                        .setName(name)
                        .addAllCommand(command)
                        .setWorkdir(workdir.isEmpty() ? "" : absolute(workdir))
                        .putAllEnvironment(variables())
                        .setCpuMillis(Math.round(cpus * 1000))
                        .setMemoryBytes(memory.isEmpty() ? 0 : Sizes.parse(memory))
                        .setGpus(gpus)
                        .setGpuModel(gpuModel)
                        .setRootfs(rootfs.isEmpty() ? "" : absolute(rootfs))
                        .setNode(node)
                        .setCheckpointEvery(checkpointEvery)
                        .setOnPartition(onPartition())
                        .setAccount(account)
                        .setQos(qos)
                        .setPartition(partition)
                        .setNice(nice)
                        .setTimeLimitSeconds(Times.limitSeconds("--time-limit", timeLimit))
                        .setUserName(userName);
        mounts.forEach(mount -> spec.addMounts(mount(mount)));
        keep.retention().ifPresent(spec::setRetention);
        notify.addTo(spec);
        String[] ids = user.split(":", 2);
        int uid = number("--user", ids[0]);
        return spec.setUid(uid).setGid(ids.length > 1 ? number("--user", ids[1]) : uid).build();
    }

    private OnPartition onPartition() {
        return switch (onPartition) {
            case "freeze" -> OnPartition.FREEZE_ON_PARTITION;
            case "continue" -> OnPartition.CONTINUE_ON_PARTITION;
            default -> throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--on-partition takes 'freeze' or 'continue', not '" + onPartition + "'");
        };
    }

    private Map<String, String> variables() {
        Map<String, String> variables = new LinkedHashMap<>();
        for (String variable : environment) {
            int equals = variable.indexOf('=');
            if (equals < 1) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--env " + variable + ": write NAME=VALUE");
            }
            variables.put(variable.substring(0, equals), variable.substring(equals + 1));
        }
        return variables;
    }

    static Mount mount(String text) {
        String[] parts = text.split(":", -1);
        boolean readOnly = parts.length == 3 && parts[2].equals("ro");
        boolean empty = parts[0].isEmpty() || (parts.length > 1 && parts[1].isEmpty());
        if (empty || parts.length < 2 || parts.length > 3 || (parts.length == 3 && !readOnly && !parts[2].equals("rw"))) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--mount " + text + ": write SOURCE:DESTINATION or SOURCE:DESTINATION:ro");
        }
        return Mount.newBuilder().setSource(absolute(parts[0])).setDestination(parts[1]).setReadOnly(readOnly).build();
    }

    static String absolute(String path) {
        return Path.of(path).toAbsolutePath().normalize().toString();
    }

    private static int number(String option, String text) {
        if (!text.matches("\\d{1,9}")) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, option + ": '" + text + "' is not a number; Ferry takes numeric ids");
        }
        return Integer.parseInt(text);
    }
}
