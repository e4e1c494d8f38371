package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Heartbeat;
import dev.ferry.proto.v1.Hello;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.Life;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.ToNode;
import dev.ferry.proto.v1.Welcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** One life of a node's daemon: its link to a coordinator (mirrors CoordinatorLink and LinkSession) and its jobs (JobRegistry). */
final class SimDaemon {
    private static final int MISSED_HEARTBEATS = 5;
    private static final Duration WELCOME = Duration.ofSeconds(10);
    private static final long HELLO = 0;

    private final SimNode node;
    private final World world;
    private final SimProcess process;
    private final Map<String, SimAgent> agents = new TreeMap<>();
    private final Map<Long, SimLease.Asked> askedAt = new HashMap<>();
    private final List<Runnable> stalled = new ArrayList<>();
    private Duration granted = Duration.ZERO;
    private SimStream stream;
    private long orders;
    private boolean welcomed;
    private long sequence;
    private long answered;

    SimDaemon(SimNode node, SimProcess process) {
        this.node = node;
        this.process = process;
        world = node.world();
    }

    SimNode node() {
        return node;
    }

    SimProcess process() {
        return process;
    }

    World world() {
        return world;
    }

    /** The number of the newest stream: OrderStreams. */
    long orders() {
        return orders;
    }

    /** JobRegistry.recover, then CoordinatorLink.dial. */
    void start() {
        // Strays, before the first Hello: what runs here and is in no journal was begun by a daemon whose folder is gone, or is older now.
        List.copyOf(node.copies()).stream().filter(this::isStray).forEach(copy -> node.remove(copy.job));
        node.disk().forEach((job, journal) -> agents.put(job, new SimAgent(this, job)));
        agents.values().forEach(SimAgent::recover);
        process.execute(this::dial);
    }

    private boolean isStray(SimNode.Copy copy) {
        JobJournal journal = node.disk().get(copy.job);
        return journal == null || (journal.getState() != LocalState.LOCAL_CREATING && journal.getIncarnation() != copy.incarnation);
    }

    void die() {
        if (stream != null) {
            stream.cut();
        }
    }

    private void dial() {
        Optional<SimCoordinator> to = world.anyCoordinator(node);
        if (to.isEmpty()) {
            process.after(Duration.ofMillis(500), this::dial);
            return;
        }
        orders++;
        SimStream opened = new SimStream(world, this, to.get(), orders);
        stream = opened;
        welcomed = false;
        sequence = 0;
        answered = 0;
        askedAt.clear();
        askedAt.put(HELLO, node.lease().ask());
        Hello.Builder hello = Hello.newBuilder().setNode(node.name()).setFacts(FACTS.toBuilder().addGpus(Gpu.newBuilder().setUuid("GPU-of-" + node).setModel("any"))).setCapacity(CAPACITY).setKeepsLease(world.leases());
        agents.values().stream().filter(agent -> !agent.record().getDiscarded()).forEach(agent -> hello.addJobs(agent.report()));
        opened.toCoordinator(FromNode.newBuilder().setHello(hello).build());
        leaseOrStreamChanged();
        agents.values().forEach(agent -> agent.record().getResultsList().forEach(this::result));
        process.after(
                WELCOME,
                () -> {
                    if (stream == opened && !welcomed) {
                        end(opened);
                    }
                });
    }

    private static final NodeFacts FACTS = NodeFacts.newBuilder().setArchitecture("amd64").setKernel("6.18").setCriuVersion("4.2.1").build();
    private static final Resources CAPACITY = Resources.newBuilder().setCpuMillis(8000).setMemoryBytes(16L << 30).setGpus(1).build();

    private void heartbeat(SimStream of) {
        if (stream != of) {
            return;
        }
        sequence++;
        if (sequence - answered > MISSED_HEARTBEATS) {
            end(of);
            return;
        }
        askedAt.put(sequence, node.lease().ask());
        of.toCoordinator(FromNode.newBuilder().setHeartbeat(Heartbeat.newBuilder().setSequence(sequence)).build());
        process.after(SimCoordinator.HEARTBEAT, () -> heartbeat(of));
    }

    /** A stream is over, by whichever side. */
    void ended(SimStream which) {
        if (stream == which) {
            end(which);
        }
    }

    private void end(SimStream which) {
        stream = null;
        which.hangUp();
        process.after(Duration.ofMillis(100 + world.simulation().random().nextLong(1000)), this::dial);
    }

    void take(SimStream from, ToNode message) {
        if (from != stream) {
            return;
        }
        switch (message.getMessageCase()) {
            case WELCOME -> welcomed(from, message.getWelcome());
            case HEARTBEAT_REPLY -> {
                answered = message.getHeartbeatReply().getSequence();
                renew(answered);
            }
            case COMMAND, ACKNOWLEDGED -> takeCopy(message, from.orders());
            case LOG_REQUEST, LOG_CANCEL, NOTICE_SETTLED, EVACUATION, MESSAGE_NOT_SET -> {}
        }
    }

    /** LinkSession.welcomed: what shall not run here is held before the lease is renewed, which thaws the node's group. */
    private void welcomed(SimStream from, Welcome terms) {
        boolean first = !welcomed;
        welcomed = true;
        granted = Duration.ofMillis(terms.getLeaseMillis());
        Map<String, Long> standing = terms.getLivesList().stream().collect(Collectors.toMap(Life::getJob, Life::getIncarnation, Math::max));
        List.copyOf(agents.values()).forEach(agent -> agent.stands(standing.getOrDefault(agent.job(), 0L)));
        renew(HELLO);
        if (first) {
            process.after(SimCoordinator.HEARTBEAT, () -> heartbeat(from));
        }
    }

    private void renew(long sequence) {
        SimLease.Asked asked = askedAt.remove(sequence);
        if (asked != null) {
            node.lease().renew(asked, granted);
            leaseOrStreamChanged();
        }
    }

    /** OrderRunner.awaitLease, which looks again and again. */
    void whenLeaseOrStreamChanges(Runnable work) {
        stalled.add(work);
    }

    private void leaseOrStreamChanged() {
        List<Runnable> now = List.copyOf(stalled);
        stalled.clear();
        now.forEach(process::execute);
    }

    /** What may also come late, out of a stream that is over. */
    void takeCopy(ToNode message, long number) {
        if (message.hasCommand()) {
            submit(message.getCommand(), number);
        } else {
            String id = message.getAcknowledged().getId();
            agents.values().forEach(agent -> agent.acknowledged(id));
        }
    }

    /** JobRegistry.submit. */
    private void submit(Command command, long number) {
        if (!world.ordered(this, command)) {
            return;
        }
        if (command.hasCheck()) {
            world.simulation().schedule(process, world.hangs(command), () -> answer(command));
            return;
        }
        if (command.hasPrefetch() || command.hasFill()) {
            // Prefetches and FillAction: nothing is written down, a daemon that dies in it does it again.
            process.after(Duration.ofNanos(world.hangs(command) + world.simulation().between(20, 6000)), () -> answer(command));
            return;
        }
        SimAgent agent = agents.get(command.getJob());
        boolean creates = command.hasStart() || command.hasRestore();
        if (agent == null && !creates) {
            CommandResult.Builder absent = CommandResult.newBuilder().setId(command.getId());
            if (command.hasKill()) {
                absent.setJob(JobReport.newBuilder().setJob(command.getJob()).setIncarnation(command.getIncarnation()).setState(LocalState.LOCAL_KILLED));
            } else if (!command.hasForget()) {
                absent.setError(SimAgent.error(ErrorCode.JOB_NOT_FOUND, "node " + node + " knows nothing of " + command.getJob()));
            }
            result(absent.build());
            return;
        }
        agents.computeIfAbsent(command.getJob(), job -> new SimAgent(this, job)).submit(command, number);
    }

    /** What is in no journal is done. */
    private void answer(Command command) {
        world.did(this, command);
        result(CommandResult.newBuilder().setId(command.getId()).build());
    }

    void result(CommandResult result) {
        say(FromNode.newBuilder().setResult(result).build());
    }

    void report(JobReport report) {
        say(FromNode.newBuilder().setJobReport(report).build());
    }

    private void say(FromNode message) {
        if (stream != null) {
            stream.toCoordinator(message);
        }
    }

    @Override
    public String toString() {
        String link = stream == null ? "no stream" : "a stream to " + stream.coordinator().process() + (stream.isBroken() ? ", broken" : "") + (welcomed ? ", welcomed" : "");
        return process + (process.isDead() ? " (dead)" : process.isPaused() ? " (stopped)" : "") + ": " + link;
    }

    /** The processes of a job are gone: LifeEnd.end sees it. */
    void died(String job) {
        SimAgent agent = agents.get(job);
        if (agent != null) {
            process.execute(agent::sawDeath);
        }
    }
}
