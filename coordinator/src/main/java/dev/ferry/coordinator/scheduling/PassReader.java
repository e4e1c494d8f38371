package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.accounts.Metering;
import dev.ferry.coordinator.placement.GpuShares;
import dev.ferry.coordinator.placement.NodeFit;
import dev.ferry.coordinator.placement.Usage;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobDemand;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.PassAssociation;
import dev.ferry.proto.v1.PassGpus;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.proto.v1.PassPolicy;
import dev.ferry.proto.v1.PassQos;
import dev.ferry.proto.v1.PassRunning;
import dev.ferry.proto.v1.PassWaiting;
import dev.ferry.proto.v1.PreemptionRecord;
import dev.ferry.proto.v1.Qos;
import dev.ferry.proto.v1.Resources;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.accounts.Association;
import dev.ferry.scheduling.pass.Packing;
import dev.ferry.scheduling.preempt.PreemptionPolicy;
import dev.ferry.scheduling.priority.Factors;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads, in one transaction, all that a look at the queue decides from. */
final class PassReader {
    private static final long MEBI = 1L << 20;
    private static final long MILLIS = 1000;
    private static final long HOUR = 3_600_000;
    /** Of a job that was never moved: begin and end of each way, and main memory at a rate that most networks and disks reach. */
    private static final double MOVE_SECONDS = 4;
    private static final double MEBI_PER_SECOND = 200;

    /** What the daemon raises a parked job's limit by, beside what lay on its GPUs, MiB. */
    private static final long PARK_ROOM = 64;

    private final Transaction state;
    private final SchedulingConfig config;
    private final Map<String, Set<String>> refused;
    private final Standing standing;
    private final List<Node> nodes;
    private final Map<String, Integer> places = new HashMap<>();
    private final Labels labels;
    private final List<Job> jobs;
    private final Map<String, Operation> open = new LinkedHashMap<>();
    private final Map<String, JobUse> uses;
    private final long now;
    private final PassInput.Builder input = PassInput.newBuilder();

    private PassReader(Transaction state, SchedulingConfig config, Map<String, Set<String>> refused) {
        this.state = state;
        this.refused = refused;
        this.config = config;
        standing = Standing.of(state, config);
        nodes = state.nodes().stream().filter(NodeFit::isOpen).toList();
        for (int at = 0; at < nodes.size(); at++) {
            places.put(nodes.get(at).getName(), at);
        }
        labels = new Labels(state, standing.book(), nodes);
        jobs = state.liveJobs();
        state.openOperations().forEach(operation -> open.put(operation.getJob(), operation));
        uses = Metering.open(state);
        now = state.now() / MILLIS;
    }

    static PassInput read(Transaction state, SchedulingConfig config) {
        return read(state, config, Map.of());
    }

    /**
     * The same, when it has been tried.
     *
     * @param refused by the ids of jobs, names of nodes that could not take them after all
     */
    static PassInput read(Transaction state, SchedulingConfig config, Map<String, Set<String>> refused) {
        return new PassReader(state, config, refused).read();
    }

    private PassInput read() {
        input.setNow(now).setPolicy(policy());
        AccountTree tree = standing.tree();
        for (int at = 0; at < tree.size(); at++) {
            Association one = tree.get(at);
            String user = one.user();
            input.addAssociations(PassAssociation.newBuilder().setId(one.id()).setParent(one.parent()).setAccount(one.account()).setUser(user == null ? "" : user).setShares(one.shares()));
        }
        for (Qos qos : standing.book().allQos()) {
            if (qos.getPreemptsCount() > 0) {
                input.addQos(PassQos.newBuilder().setName(qos.getName()).addAllPreempts(qos.getPreemptsList()));
            }
        }
        List<Job> waiting = new ArrayList<>();
        List<Job> running = new ArrayList<>();
        LimitCheck limits = new LimitCheck(standing.book());
        for (Job job : jobs) {
            Optional<String> node = where(job);
            if (node.isPresent()) {
                limits.holds(job);
                Integer place = places.get(node.get());
                if (place != null) {
                    input.addRunning(running(job, place));
                    running.add(job);
                }
            } else if (Queue.waits(job)) {
                if (job.getQueue().hasClaim()) {
                    // It was let in, and starts when its room is there: before anybody else is let in, whatever his priority.
                    limits.holds(job);
                }
                waiting.add(job);
            }
        }
        wait(waiting, limits);
        relocatable(running);
        Usage usage = Usage.of(state);
        room(usage);
        input.setMovedGpus(0);
        for (PreemptionRecord record : state.records(DecisionKinds.PREEMPTION, RecordQuery.all().from(state.now() - HOUR))) {
            input.setPreemptions(input.getPreemptions() + 1);
            if (record.getInGpus()) {
                input.setMovedGpus(input.getMovedGpus() + record.getMoving());
            } else {
                input.setMovedCpus(input.getMovedCpus() + record.getMoving());
            }
        }
        if (labels.anyModels()) {
            models(usage);
        }
        return input.build();
    }

    private PassPolicy policy() {
        PreemptionPolicy guards = config.preemptionPolicy();
        return PassPolicy.newBuilder()
                .setSpread(config.packing() == Packing.SPREAD)
                .setAlign(config.packing() == Packing.ALIGN)
                .setPreemption(config.preemption())
                .setDelay(guards.delay())
                .setHysteresis(guards.hysteresis())
                .setMinimumRun(guards.minimumRun())
                .setSpacing(guards.spacing())
                .setMostPerHour(guards.mostPerHour())
                .setMostMoving(guards.mostMoving())
                .setWorth(guards.worth())
                .setHorizon(guards.horizon())
                .setParkMost(config.parkMostSeconds())
                .setInterruption(guards.interruption())
                .setForesight(guards.foresight())
                .setMoves(guards.moves())
                .setDueFirst(guards.dueFirst())
                .setAgeing(guards.ageing())
                .setKeeps(true)
                .setSkips(true)
                .build();
    }

    /** Who could go on on another node. Those that wait come first: they need what kinds there are. */
    private void relocatable(List<Job> running) {
        if (!config.preemption() || !config.moves() || input.getWaitingCount() == 0) {
            return;
        }
        for (int at = 0; at < running.size(); at++) {
            PassRunning.Builder one = input.getRunningBuilder(at);
            if (one.getImmovable().isEmpty() && running.get(at).getSpec().getNode().isEmpty()) {
                labels.of(running.get(at)).ifPresent(label -> one.setRelocatable(true).getDemandBuilder().setLabels(label));
            }
        }
        Likeness likeness = new Likeness(nodes, labels);
        for (int at = 0; at < running.size(); at++) {
            PassRunning.Builder one = input.getRunningBuilder(at);
            if (one.getRelocatable() && !likeness.isEverywhere(one.getDemand().getLabels(), one.getNode(), one.getDemand().getGpus() > 0)) {
                one.setRelocatable(false).getDemandBuilder().clearLabels();
            }
        }
    }

    /** Where a job holds room, or will because an operation brings it there. */
    private Optional<String> where(Job job) {
        if (JobStates.isOnNode(job.getState()) && !Queue.isParkedForGood(job)) {
            return Optional.of(job.getNode());
        }
        return Optional.ofNullable(open.get(job.getId())).map(Operation::getTargetNode).filter(target -> !target.isEmpty());
    }

    private PassRunning running(Job job, int place) {
        JobUse use = uses.getOrDefault(job.getId(), JobUse.getDefaultInstance());
        Optional<Operation> operation = Optional.ofNullable(open.get(job.getId()));
        long since = use.getRunningSince() == 0 ? now : use.getRunningSince() / MILLIS;
        long limit = job.getSpec().getTimeLimitSeconds();
        Qos qos = standing.book().qos(job.getQueue().getQos());
        // One that is moved is still held by its account.
        boolean leaving = operation.filter(one -> !one.getForJob().isEmpty() && one.getKind() != OperationKind.MIGRATE).isPresent();
        JobDemand demand = demand(job, job.getState() == JobState.PARKED && operation.isEmpty() ? 0 : job.getSpec().getGpus());
        return PassRunning.newBuilder()
                .setJob(job.getId())
                .setAssociation(standing.tree().get(standing.position(job)).id())
                .setDemand(demand)
                .setFailingGpus(Math.min(demand.getGpus(), failing(job, nodes.get(place))))
                .setNode(place)
                .setSince(since)
                .setEnds(limit == 0 ? 0 : now + Math.max(1, limit - ran(use)))
                .setMoveSeconds(moveSeconds(job, use))
                .setHits(job.getQueue().getHits())
                .setLastHit(job.getQueue().getLastHit() / MILLIS)
                .setImmovable(immovable(job, operation, nodes.get(place)))
                .setQos(job.getQueue().getQos())
                .setLeaving(leaving)
                .setExemptUntil(since + qos.getPreemptExemptSeconds())
                .setGpuMemory(gpuMemory(job))
                .build();
    }

    /** How many GPUs that a job has there get no other job when it is gone: its node does not have them any more. */
    private static int failing(Job job, Node node) {
        return job.getNode().equals(node.getName()) ? GpuShares.unusable(job, node) : 0;
    }

    /** MiB that the state of a job's GPUs takes in main memory: the most that was seen of it, or, if nothing was, all that they have. */
    private long gpuMemory(Job job) {
        if (job.getGpusCount() == 0) {
            return 0;
        }
        long peak = uses.getOrDefault(job.getId(), JobUse.getDefaultInstance()).getGpuMemoryPeakBytes();
        Integer at = places.get(job.getNode());
        long all = at == null ? 0 : GpuShares.memory(job, nodes.get(at));
        return Math.ceilDiv(peak > 0 ? peak : all, MEBI) + PARK_ROOM;
    }

    private static JobDemand demand(Job job, int gpus) {
        Resources wanted = Usage.wanted(job.getSpec());
        return JobDemand.newBuilder().setCpuMillis(wanted.getCpuMillis()).setMemory(Math.ceilDiv(wanted.getMemoryBytes(), MEBI)).setGpus(gpus).build();
    }

    private long ran(JobUse use) {
        return use.getRunningSeconds() + (use.getCountedUntil() == 0 ? 0 : Math.max(0, now - use.getCountedUntil() / MILLIS));
    }

    private static double moveSeconds(Job job, JobUse use) {
        if (use.getSaveMillis() > 0 && use.getRestoreMillis() > 0) {
            return (use.getSaveMillis() + use.getRestoreMillis()) / (double) MILLIS;
        }
        return MOVE_SECONDS + 2 * (Usage.wanted(job.getSpec()).getMemoryBytes() / (double) MEBI) / MEBI_PER_SECOND;
    }

    private static String immovable(Job job, Optional<Operation> operation, Node node) {
        if (operation.isPresent()) {
            return operation.get().getForJob().isEmpty() ? "operation " + operation.get().getId() + " is at work on it" : "it makes room for " + operation.get().getForJob() + " already";
        }
        if (job.getState() != JobState.RUNNING) {
            return "it is " + JobStates.name(job.getState());
        }
        return job.getSpec().getGpus() > 0 && !node.getFacts().getGpuCanSave() ? "the driver of its GPUs can't save their state" : "";
    }

    /** Which of the GPUs are of use to whom, where nodes have several models. */
    private void models(Usage usage) {
        for (int at = 0; at < nodes.size(); at++) {
            PassNode.Builder node = input.getNodesBuilder(at);
            int place = at;
            Set<String> taken = usage.gpus(node.getName());
            GpuShares.models(nodes.get(at))
                    .forEach((model, gpus) -> node.addModels(PassGpus.newBuilder().setFree((int) gpus.stream().filter(gpu -> !taken.contains(gpu.getUuid())).count()).setUnsuited(labels.unsuited(place, model))));
        }
        for (PassRunning.Builder one : input.getRunningBuilderList()) {
            Node node = nodes.get(one.getNode());
            List<String> holds = state.job(one.getJob()).filter(job -> job.getNode().equals(node.getName())).map(job -> List.copyOf(job.getGpusList())).orElse(List.of());
            long unsuited = 0;
            for (Gpu gpu : node.getFacts().getGpusList()) {
                unsuited |= holds.contains(gpu.getUuid()) ? labels.unsuited(one.getNode(), gpu.getModel()) : 0;
            }
            one.setUnsuited(unsuited);
        }
    }

    private record Ranked(Job job, Factors points) {}

    /** The order of the pass: who is let in first by the limits is also who starts first. */
    private static final Comparator<Ranked> ORDER =
            Comparator.comparingLong((Ranked one) -> one.points().priority())
                    .reversed()
                    .thenComparingLong(one -> one.job().getQueue().getSince() / MILLIS)
                    .thenComparingLong(one -> one.job().getSubmittedAt())
                    .thenComparing(one -> one.job().getId());

    private void wait(List<Job> waiting, LimitCheck limits) {
        WarmNodes warm = new WarmNodes(state, places);
        for (Ranked ranked : waiting.stream().map(job -> new Ranked(job, standing.points(job))).sorted(ORDER).toList()) {
            Job job = ranked.job();
            boolean claims = job.getQueue().hasClaim();
            String held = claims ? "" : held(job, limits);
            // Not before: who may not start takes no kind from those behind him.
            Set<String> not = refused.getOrDefault(job.getId(), Set.of());
            Optional<Long> label = held.isEmpty() ? labels.of(job, not) : Optional.empty();
            if (!claims && held.isEmpty()) {
                if (label.isEmpty()) {
                    held = "more than " + Labels.MOST + " kinds of jobs, by the nodes that suit them, wait before it";
                } else {
                    limits.holds(job);
                }
            }
            boolean parked = job.getState() == JobState.PARKED;
            JobDemand demand = parked ? JobDemand.newBuilder().setGpus(job.getSpec().getGpus()).build() : demand(job, job.getSpec().getGpus());
            long limit = job.getSpec().getTimeLimitSeconds();
            JobUse use = uses.getOrDefault(job.getId(), JobUse.getDefaultInstance());
            input.addWaiting(
                    PassWaiting.newBuilder()
                            .setJob(job.getId())
                            .setAssociation(standing.tree().get(standing.position(job)).id())
                            .setPriority(ranked.points().priority())
                            .setSince(job.getQueue().getSince() / MILLIS)
                            .setDemand(demand.toBuilder().setLabels(label.orElse(0L)))
                            .setSeconds(limit == 0 ? 0 : Math.max(1, limit - ran(use)))
                            .setQos(job.getQueue().getQos())
                            .setHeld(held)
                            .setClaims(claims)
                            .setNotBefore(job.getQueue().getNotBefore() / MILLIS)
                            .setMakesRoomBy(not.isEmpty() || label.isEmpty() ? 0 : labels.of(job).orElse(0L))
                            .setPoints(FairTables.message(ranked.points()))
                            .addAllWarm(held.isEmpty() && !claims ? warm.of(job) : List.of()));
        }
    }

    private String held(Job job, LimitCheck limits) {
        if (job.getState() != JobState.PENDING && job.getQueue().getNotBefore() > state.now()) {
            return "the last attempt to bring it back failed; it is tried again later";
        }
        return limits.forbids(job).orElse("");
    }

    /** Nodes with what is free of them, less what is kept for jobs that room is made for; less than nothing where jobs hold more than the node came back with. */
    private void room(Usage usage) {
        long[] cpu = new long[nodes.size()];
        long[] memory = new long[nodes.size()];
        int[] gpus = new int[nodes.size()];
        for (int at = 0; at < nodes.size(); at++) {
            Resources all = nodes.get(at).getCapacity();
            Resources taken = usage.of(nodes.get(at).getName());
            cpu[at] = all.getCpuMillis() - taken.getCpuMillis();
            memory[at] = Math.floorDiv(all.getMemoryBytes() - taken.getMemoryBytes(), MEBI);
            gpus[at] = all.getGpus() - taken.getGpus();
            input.setCpuMillis(input.getCpuMillis() + all.getCpuMillis()).setGpus(input.getGpus() + all.getGpus());
        }
        long[] parked = new long[nodes.size()];
        for (Job job : jobs) {
            Integer at = places.get(job.getNode());
            if (job.getState() == JobState.PARKED && at != null) {
                parked[at] += gpuMemory(job);
            }
        }
        for (int at = 0; at < nodes.size(); at++) {
            input.addNodes(PassNode.newBuilder().setName(nodes.get(at).getName()).setCpuMillis(cpu[at]).setMemory(memory[at]).setGpus(gpus[at]).setLabels(labels.node(at)).setParkedMemory(parked[at]));
        }
    }
}
