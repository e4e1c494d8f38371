package dev.ferry.coordinator;

import com.google.protobuf.ByteString;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.GpuHealth;
import dev.ferry.proto.v1.GpuSample;
import dev.ferry.proto.v1.Heartbeat;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.Life;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.LogData;
import dev.ferry.proto.v1.LogRequest;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.NodeLinkGrpc;
import dev.ferry.proto.v1.NodeNotices;
import dev.ferry.proto.v1.Requirements;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.StoreSight;
import dev.ferry.proto.v1.ToNode;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A daemon without jobs: it answers as one does that keeps the protocol, or as a test tells it. */
public final class FakeNode implements AutoCloseable {
    private static final int AGAIN_MILLIS = 100;

    private final String name;
    private final NodeFacts facts;
    private final Resources capacity;
    private final Map<String, CommandResult> results = new ConcurrentHashMap<>();
    private final Map<String, JobReport> jobs = new ConcurrentHashMap<>();
    private final Map<String, ByteString> logs = new ConcurrentHashMap<>();
    private final List<Command> seen = new CopyOnWriteArrayList<>();
    private final Map<Command.ActionCase, Function<Command, Optional<CommandResult>>> answers = new ConcurrentHashMap<>();
    private final ScheduledExecutorService heart = Executors.newSingleThreadScheduledExecutor(work -> Thread.ofPlatform().daemon().unstarted(work));
    private volatile List<Life> standing = List.of();
    private volatile boolean keepsLease;
    private volatile String peerAddress = "";
    private ManagedChannel channel;
    private StreamObserver<FromNode> stream;
    private int connections;

    public FakeNode(String name) {
        this(name, NodeFacts.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1").build(), 4, 8L << 30);
    }

    public FakeNode(String name, NodeFacts facts, int cpus, long memory) {
        this.name = name;
        this.facts = facts;
        capacity = Resources.newBuilder().setCpuMillis(1000L * cpus).setMemoryBytes(memory).setGpus(facts.getGpusCount()).build();
        var unused = heart.scheduleWithFixedDelay(() -> say(FromNode.newBuilder().setHeartbeat(Heartbeat.getDefaultInstance()).build()), 100, 100, TimeUnit.MILLISECONDS);
    }

    /** From its next Hello on it says that it freezes its jobs before a lease ends. */
    public FakeNode keepLease() {
        keepsLease = true;
        return this;
    }

    /** From its next Hello on it says where other nodes may ask it for chunks. */
    public FakeNode peerAt(String address) {
        peerAddress = address;
        return this;
    }

    /** The lives that the last Welcome named. */
    public List<Life> standing() {
        return standing;
    }

    /** Opens a stream to a coordinator, and again when it ends, as a daemon does; an earlier one is given up. */
    public synchronized FakeNode connect(int port) {
        disconnect();
        int number = ++connections;
        channel = NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
        stream =
                NodeLinkGrpc.newStub(channel)
                        .connect(
                                new StreamObserver<>() {
                                    @Override
                                    public void onNext(ToNode message) {
                                        if (message.hasCommand()) {
                                            execute(message.getCommand());
                                        } else if (message.hasLogRequest()) {
                                            send(message.getLogRequest());
                                        } else if (message.hasWelcome()) {
                                            standing = message.getWelcome().getLivesList();
                                        } else if (message.hasAcknowledged()) {
                                            results.remove(message.getAcknowledged().getId());
                                        }
                                    }

                                    @Override
                                    public void onError(Throwable failure) {
                                        connectAgain(number, port);
                                    }

                                    @Override
                                    public void onCompleted() {
                                        connectAgain(number, port);
                                    }
                                });
        say(FromNode.newBuilder().setHello(Hello.newBuilder().setNode(name).setFacts(facts).setCapacity(capacity).setKeepsLease(keepsLease).setPeerAddress(peerAddress).addAllJobs(jobs.values())).build());
        return this;
    }

    /** From now on it sends this as a job's log, which is at its end then. */
    public void log(String job, String text) {
        logs.put(job, ByteString.copyFromUtf8(text));
    }

    private void send(LogRequest request) {
        LogData.Builder data = LogData.newBuilder().setRequest(request.getRequest()).setOffset(request.getOffset()).setEnd(true);
        ByteString log = logs.get(request.getJob());
        if (log == null) {
            data.setError(ErrorDetail.newBuilder().setCode(ErrorCode.JOB_NOT_FOUND).setMessage("no log"));
        } else if (request.getOffset() < log.size()) {
            data.setData(log.substring((int) request.getOffset()));
        }
        say(FromNode.newBuilder().setLogData(data).build());
    }

    private void connectAgain(int number, int port) {
        try {
            var unused =
                    heart.schedule(
                            () -> {
                                synchronized (this) {
                                    // Unless the test has cut it off, or connected it elsewhere.
                                    if (number == connections && stream != null) {
                                        FakeNode ignored = connect(port);
                                    }
                                }
                            },
                            AGAIN_MILLIS,
                            TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException closed) {
            // The test is over.
        }
    }

    /** As a daemon says what is announced about its machine. */
    public void announce(NodeNotices notices) {
        say(FromNode.newBuilder().setNotices(notices).build());
    }

    /** As a daemon says what a job does with its GPUs. */
    public void sample(GpuSample sample) {
        say(FromNode.newBuilder().setGpuSample(sample).build());
    }

    /** As a daemon says how its GPUs are. */
    public void say(GpuHealth health) {
        say(FromNode.newBuilder().setGpuHealth(health).build());
    }

    /** As a daemon says which store it sees. */
    public void say(StoreSight sight) {
        say(FromNode.newBuilder().setStore(sight).build());
    }

    public synchronized void disconnect() {
        if (channel != null) {
            channel.shutdownNow();
            channel = null;
            stream = null;
        }
    }

    private synchronized void say(FromNode message) {
        if (stream != null) {
            try {
                stream.onNext(message);
            } catch (IllegalStateException ended) {
                // The stream is over; the next one begins with all that counts.
            }
        }
    }

    /** From now on an action is answered so; empty: not at all. */
    public void answer(Command.ActionCase action, Function<Command, Optional<CommandResult>> answer) {
        answers.put(action, answer);
    }

    public void fail(Command.ActionCase action, ErrorCode code) {
        answer(action, command -> Optional.of(CommandResult.newBuilder().setError(ErrorDetail.newBuilder().setCode(code).setMessage("as the test says")).build()));
    }

    /** From now on an action is answered as it should be, after some time; others are not held up. */
    public void delay(Command.ActionCase action, Duration time) {
        answer(
                action,
                command -> {
                    var unused = heart.schedule(() -> obey(command).ifPresent(done -> tell(command, done)), time.toMillis(), TimeUnit.MILLISECONDS);
                    return Optional.empty();
                });
    }

    /** From now on an action is answered as it should be. */
    public void behave(Command.ActionCase action) {
        answers.remove(action);
    }

    private void execute(Command command) {
        boolean again = seen.stream().anyMatch(before -> before.getId().equals(command.getId()));
        seen.add(command);
        if (again && results.containsKey(command.getId())) {
            say(FromNode.newBuilder().setResult(results.get(command.getId())).build());
            return;
        }
        answers.getOrDefault(command.getActionCase(), this::obey)
                .apply(command)
                .ifPresent(answer -> tell(command, answer));
    }

    private void tell(Command command, CommandResult answer) {
        CommandResult.Builder result = answer.toBuilder().setId(command.getId());
        if (!result.hasJob() && jobs.containsKey(command.getJob())) {
            result.setJob(jobs.get(command.getJob()));
        }
        results.put(command.getId(), result.build());
        say(FromNode.newBuilder().setResult(result).build());
    }

    /** What a node answers as it should. */
    public Optional<CommandResult> obey(Command command) {
        CommandResult.Builder result = CommandResult.newBuilder();
        switch (command.getActionCase()) {
            case START, RESTORE, THAW, UNPARK -> jobs.put(command.getJob(), report(command, LocalState.LOCAL_RUNNING));
            case KILL, FORGET -> jobs.remove(command.getJob());
            case PARK -> {
                jobs.put(command.getJob(), report(command, LocalState.LOCAL_PARKED));
                result.setGpuFreeAt(System.currentTimeMillis());
            }
            case DUMP -> {
                LocalState after = command.getDump().getStayFrozen() ? LocalState.LOCAL_FROZEN : LocalState.LOCAL_RUNNING;
                jobs.put(command.getJob(), report(command, after));
                result.setImage(
                        Image.newBuilder().setId(command.getDump().getImage()).setJob(command.getJob()).setIncarnation(command.getIncarnation()).setSequence(command.getDump().getSequence()).setNode(name).setCreatedAt(System.currentTimeMillis())
                                .setRequirements(Requirements.newBuilder().setArchitecture(facts.getArchitecture()).setKernel(facts.getKernel()).setCriuVersion(facts.getCriuVersion())));
            }
            case CHECK, SIGNAL, ACTION_NOT_SET -> {}
        }
        return Optional.of(result.build());
    }

    static JobReport report(Command command, LocalState state) {
        return JobReport.newBuilder().setJob(command.getJob()).setIncarnation(command.getIncarnation()).setState(state).build();
    }

    /** As a daemon says what happens on its node. */
    public void report(JobReport report) {
        jobs.put(report.getJob(), report);
        say(FromNode.newBuilder().setJobReport(report).build());
    }

    /** Actions that were ordered, in order, without those that came twice. */
    public List<Command.ActionCase> actions() {
        return commands().stream().map(Command::getActionCase).toList();
    }

    public List<Command> commands() {
        return seen.stream().filter(command -> seen.stream().filter(other -> other.getId().equals(command.getId())).findFirst().orElseThrow() == command).toList();
    }

    public boolean has(String job) {
        return jobs.containsKey(job);
    }

    public void forget(String job) {
        jobs.remove(job);
    }

    @Override
    public void close() {
        heart.shutdownNow();
        disconnect();
    }
}
