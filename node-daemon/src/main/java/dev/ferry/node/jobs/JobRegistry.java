package dev.ferry.node.jobs;

import dev.ferry.common.FerryException;
import dev.ferry.common.PrivateFolder;
import dev.ferry.node.gpu.GpuAccess;
import dev.ferry.node.journal.Journal;
import dev.ferry.node.journal.SpareFiles;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.CheckJob;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.Life;
import dev.ferry.proto.v1.LocalState;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All jobs that this node knows, each with its agent. */
public final class JobRegistry implements AutoCloseable {
    /** All agents together wait so long for what they are clearing. */
    private static final Duration CLEARED = Duration.ofSeconds(10);
    private static final Pattern JOB_ID = Pattern.compile("[a-z0-9][a-z0-9-]{0,62}");

    private static final Logger LOG = LoggerFactory.getLogger(JobRegistry.class);

    private final NodeContext context;
    private final Path folder;
    /** Room for the jobs' records. */
    private final SpareFiles spare;
    private final Prefetches prefetches;
    private final RestoreTrials trials;
    private final OrderThreads estimates;
    private final Map<String, JobAgent> agents = new ConcurrentHashMap<>();
    private final OrderStreams streams = new OrderStreams();

    public JobRegistry(NodeContext context) {
        this.context = context;
        prefetches = new Prefetches(context);
        trials = new RestoreTrials(context);
        estimates = new OrderThreads(context.outbox());
        folder = context.data().resolve("jobs");
        spare = new SpareFiles(context.data().resolve("spare"));
    }

    /** Takes up every job that an earlier daemon left; returns before they are all dealt with, but when nothing is left that is no job's. */
    public void recover() throws IOException {
        trials.recover();
        spare.fill();
        // Logs and files of jobs are in it, and programs that a job has made setuid.
        PrivateFolder.close(folder);
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(folder, Files::isDirectory)) {
            for (Path jobFolder : folders) {
                String id = jobFolder.getFileName().toString();
                Optional<Journal> journal = Journal.open(jobFolder, spare);
                if (journal.isPresent()) {
                    Strays.end(local(id, journal.get()));
                    // It may find that it has only to forget the job: it is known here before it runs.
                    JobAgent unused = agents.computeIfAbsent(id, job -> agent(job, journal.get()));
                } else {
                    removeIfEmpty(jobFolder);
                }
            }
        }
        for (String cgroup : List.of(context.cgroup(), LocalJob.continuing(context.cgroup()))) {
            Strays.end(context.layout(), cgroup, agents::containsKey);
        }
    }

    /** The control group of a node's jobs that run on when its lease has ended, beside that of the others. */
    public static String continuing(String cgroup) {
        return LocalJob.continuing(cgroup);
    }

    /** A daemon that forgot the job was killed between the record and the folder. */
    private static void removeIfEmpty(Path jobFolder) throws IOException {
        try {
            Files.delete(jobFolder);
        } catch (DirectoryNotEmptyException kept) {
            LOG.warn("{} has no record of a job and is left as it is", jobFolder);
        }
    }

    private LocalJob local(String id, Journal journal) {
        return new LocalJob(context, id, journal, new JobFolder(folder.resolve(id)));
    }

    private JobAgent agent(String id, Journal journal) {
        JobAgent agent = new JobAgent(local(id, journal), streams, this::forget);
        agent.start();
        return agent;
    }

    /** An agent leaves; an order for its job that comes meanwhile is not taken, waits for that and finds none. */
    private boolean forget(JobAgent leaving) {
        AtomicBoolean left = new AtomicBoolean();
        JobAgent unused =
                agents.computeIfPresent(
                        leaving.job().id(),
                        (id, agent) -> {
                            left.set(agent == leaving && agent.leave());
                            return left.get() ? null : agent;
                        });
        return left.get();
    }

    /**
     * Begins a stream of orders. An order of an earlier stream that has not been begun yet is passed over from here on.
     *
     * @param firstWord is given the number of the stream and makes the word with which it begins: all that is here
     */
    public <T> T beginStream(LongFunction<T> firstWord) {
        return streams.begin(firstWord);
    }

    /** Takes an order that comes by no stream. */
    public void submit(Command command) {
        submit(command, streams.current());
    }

    /**
     * Takes an order; its result comes by the outbox.
     *
     * @param stream the number of the stream on which it came
     */
    public void submit(Command command, long stream) {
        String id = command.getJob();
        if (!JOB_ID.matcher(id).matches()) {
            refuse(command, new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + id + "' is not the id of a job"));
            return;
        }
        if (command.hasCheck()) {
            check(command);
            return;
        }
        if (command.hasPrefetch()) {
            prefetches.submit(command);
            return;
        }
        if (command.hasFill()) {
            fill(command);
            return;
        }
        if (command.hasTryRestore()) {
            trials.submit(command);
            return;
        }
        if (command.hasEstimate()) {
            estimates.submit("estimate " + id, command, this::estimate);
            return;
        }
        boolean creates = command.hasStart() || command.hasRestore();
        JobAgent agent = agents.get(id);
        if (agent == null && !creates) {
            if (command.hasKill() || command.hasForget()) {
                // What was never here is as dead as it can be.
                CommandResult.Builder done = CommandResult.newBuilder().setId(command.getId());
                context.outbox().result(command.hasKill() ? done.setJob(absent(command)).build() : done.build());
            } else {
                refuse(command, new FerryException(ErrorCode.JOB_NOT_FOUND, "Node " + context.node() + " knows nothing of job " + id));
            }
            return;
        }
        if (!agents.computeIfAbsent(id, job -> agent(job, Journal.create(folder.resolve(job), job, spare))).submit(command, stream)) {
            // Its agent is leaving. This waits until it has; to look for it does not wait.
            JobAgent unused = agents.compute(id, (job, leaving) -> leaving);
            submit(command, stream);
        }
    }

    /** Of a job that was never here there is then what there is of one that was killed here: a record, which no report names. */
    private void fill(Command command) {
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId());
        try {
            JobAgent agent = agents.get(command.getJob());
            if (agent == null && command.getFill().getGiveBack()) {
                context.outbox().result(result.build());
                return;
            }
            boolean taken = agents.computeIfAbsent(command.getJob(), job -> agent(job, killed(job))).fill(command);
            if (!taken) {
                throw new FerryException(ErrorCode.OPERATION_IN_PROGRESS, "Job " + command.getJob() + " is just being forgotten on node " + context.node());
            }
        } catch (RuntimeException failed) {
            context.outbox().result(result.setError(Failures.detail(failed, ErrorCode.INTERNAL)).build());
        }
    }

    private Journal killed(String job) {
        Journal journal = Journal.create(folder.resolve(job), job, spare);
        JobJournal unused = journal.changeInFreeRoom(record -> record.setState(LocalState.LOCAL_KILLED).setSince(System.currentTimeMillis()).setDiscarded(true));
        return journal;
    }

    /** Looks whether what a job needs from outside is here; nothing is made or written. */
    private void check(Command command) {
        try {
            context.policy().check(command.getCheck().getSpec());
            CheckJob order = command.getCheck();
            JobFolder own = new JobFolder(folder.resolve(command.getJob()));
            RootPlan ignored = RootPlan.of(order.getSpec(), own, context.policy().hidden());
            if (order.getGpuFiles().getFilesCount() > 0) {
                GpuFilePlaces.require(context, order.getSpec(), own, GpuAccess.of(context.gpu(), order.getGpusList()), order.getGpuFiles());
            }
            context.outbox().result(CommandResult.newBuilder().setId(command.getId()).build());
        } catch (IOException | RuntimeException unfit) {
            context.outbox().result(CommandResult.newBuilder().setId(command.getId()).setError(Failures.detail(unfit, ErrorCode.MOUNT_REFUSED)).build());
        }
    }

    /** Looks how large a job is; beside whatever its agent does. */
    private CommandResult estimate(Command command) {
        CommandResult.Builder result = CommandResult.newBuilder().setId(command.getId());
        try {
            JobAgent agent = agents.get(command.getJob());
            if (agent == null) {
                throw new FerryException(ErrorCode.JOB_NOT_FOUND, "Node " + context.node() + " knows nothing of job " + command.getJob());
            }
            result.setEstimate(agent.estimate());
        } catch (IOException | RuntimeException failed) {
            result.setError(Failures.detail(failed, ErrorCode.INTERNAL));
        }
        return result.build();
    }

    private static JobReport absent(Command command) {
        return JobReport.newBuilder()
                .setJob(command.getJob())
                .setIncarnation(command.getIncarnation())
                .setState(dev.ferry.proto.v1.LocalState.LOCAL_KILLED)
                .setSince(System.currentTimeMillis())
                .build();
    }

    private void refuse(Command command, FerryException why) {
        context.outbox().result(CommandResult.newBuilder().setId(command.getId()).setError(why.detail()).build());
    }

    public void acknowledged(String command) {
        agents.values().forEach(agent -> agent.acknowledged(command));
    }

    /**
     * A Welcome has said which lives may run here; each other is stopped when this returns.
     *
     * @param stream the number of the stream on which it came
     * @return false: a newer stream has begun, whose Welcome says it; this one is not heard
     */
    public boolean standing(List<Life> lives, long stream) {
        Map<String, Long> standing = lives.stream().collect(Collectors.toMap(Life::getJob, Life::getIncarnation, Math::max));
        return streams.during(
                current -> {
                    if (current != stream) {
                        return false;
                    }
                    agents.forEach((job, agent) -> agent.stands(standing.getOrDefault(job, 0L)));
                    return true;
                });
    }

    /** Every job of which more than its record is here. */
    public List<JobReport> reports() {
        return agents.values().stream().filter(agent -> !agent.record().getDiscarded()).map(JobAgent::report).toList();
    }

    /** Jobs with GPUs that run and are left alone at the moment. */
    List<LocalJob> computing() {
        return agents.values().stream().map(JobAgent::job).filter(job -> job.state() == LocalState.LOCAL_RUNNING && job.record().getGpusCount() > 0 && !job.record().hasOpenCommand()).toList();
    }

    public List<String> openCommands() {
        return agents.values().stream().flatMap(agent -> agent.openCommands().stream()).toList();
    }

    public List<CommandResult> unacknowledged() {
        return agents.values().stream().flatMap(agent -> agent.unacknowledged().stream()).toList();
    }

    /** The state of a job here; empty when nothing of it is here. */
    public Optional<JobReport> report(String job) {
        return Optional.ofNullable(agents.get(job)).filter(agent -> !agent.record().getDiscarded()).map(JobAgent::report);
    }

    /** Where a job's log lies, whether or not there is one; empty when nothing of the job is here. */
    public Optional<Path> log(String job) {
        return Optional.ofNullable(agents.get(job)).filter(agent -> !agent.record().getDiscarded()).map(JobAgent::log);
    }

    /** Stops taking orders; jobs run on. */
    @Override
    public void close() {
        agents.values().forEach(JobAgent::stop);
        long end = System.nanoTime() + CLEARED.toNanos();
        agents.values().forEach(agent -> agent.close(Duration.ofNanos(Math.max(1, end - System.nanoTime()))));
    }
}
