package dev.ferry.coordinator.placement;

import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.scheduling.Queue;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Resources;
import dev.ferry.proto.v1.RoomClaim;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** What is taken of each node: by the jobs on it, by those that an operation brings there, and by those in the queue for which others make room there. */
public final class Usage {
    private static final long DEFAULT_CPU_MILLIS = 1000;
    private static final long DEFAULT_MEMORY = 1L << 30;

    private final Map<String, Resources> byNode = new HashMap<>();
    private final Map<String, Set<String>> gpus = new HashMap<>();
    /** GPUs that are no part of what their node has for jobs. */
    private final Set<Place> unusable;

    /** A GPU where it is: it may be known of a node that is gone, too. */
    private record Place(String node, String gpu) {}

    private Usage(Set<Place> unusable) {
        this.unusable = unusable;
    }

    public static Usage of(Transaction state) {
        return of(state, "");
    }

    /**
     * @param but an operation whose own reservation does not count; its job's claim does not either, since it does not wait in the queue
     */
    static Usage of(Transaction state, String but) {
        List<Job> jobs = state.liveJobs();
        Usage usage = new Usage(jobs.stream().anyMatch(job -> job.getGpusCount() > 0) ? unusable(state) : Set.of());
        Map<String, Job> live = new HashMap<>();
        for (Job job : jobs) {
            live.put(job.getId(), job);
            if (JobStates.isOnNode(job.getState())) {
                if (job.getState() != JobState.PARKED) {
                    usage.gpus(job.getNode(), job.getGpusList());
                }
                usage.add(job.getNode(), wanted(job.getSpec()).toBuilder().setGpus(usage.held(job)).build());
            }
        }
        for (Operation operation : state.openOperations()) {
            if (operation.getId().equals(but)) {
                continue;
            }
            usage.gpus(operation.getTargetNode(), operation.getTargetGpusList());
            Optional<Job> job = Optional.ofNullable(live.get(operation.getJob())).or(() -> state.job(operation.getJob()));
            boolean moves = job.isPresent() && !operation.getTargetNode().isEmpty();
            boolean counted = moves && JobStates.isOnNode(job.get().getState()) && job.get().getNode().equals(operation.getTargetNode());
            if (moves && !counted) {
                usage.add(operation.getTargetNode(), job.get().getSpec());
            } else if (moves && job.get().getState() == JobState.PARKED) {
                // It gets its GPUs back where it is.
                usage.add(operation.getTargetNode(), Resources.newBuilder().setGpus(job.get().getSpec().getGpus()).build());
            }
        }
        for (Job job : jobs) {
            if (Queue.claims(job)) {
                usage.add(job.getQueue().getClaim().getNode(), usage.claimed(state, job, live));
            }
        }
        return usage;
    }

    /** What a job for which others make room needs beyond what they hold, until they are gone or, if that fails, until the claim is given up. */
    private Resources claimed(Transaction state, Job job, Map<String, Job> live) {
        RoomClaim claim = job.getQueue().getClaim();
        // A parked one has the rest already.
        Resources needs = job.getState() == JobState.PARKED ? Resources.newBuilder().setGpus(job.getSpec().getGpus()).build() : wanted(job.getSpec());
        Resources.Builder left = needs.toBuilder();
        for (Operation leaving : claim.getOperationsList().stream().flatMap(id -> state.operation(id).stream()).toList()) {
            Job victim = live.get(leaving.getJob());
            if (victim == null || !JobStates.isOnNode(victim.getState()) || !victim.getNode().equals(claim.getNode())) {
                continue;
            }
            // One that could not be saved runs on: its room is its own, and not kept once more.
            boolean stays = leaving.getState() == OperationState.FAILED_OPERATION && leaving.getIncarnation() == victim.getIncarnation();
            if (leaving.getState() != OperationState.OPEN && !stays) {
                continue;
            }
            left.setGpus(Math.max(0, left.getGpus() - held(victim)));
            if (leaving.getKind() != OperationKind.PARK) {
                Resources holds = wanted(victim.getSpec());
                left.setCpuMillis(Math.max(0, left.getCpuMillis() - holds.getCpuMillis())).setMemoryBytes(Math.max(0, left.getMemoryBytes() - holds.getMemoryBytes()));
            }
        }
        return left.build();
    }

    private static Set<Place> unusable(Transaction state) {
        return state.nodes().stream().flatMap(node -> node.getFacts().getGpusList().stream().filter(gpu -> !GpuShares.isUsable(gpu)).map(gpu -> new Place(node.getName(), gpu.getUuid()))).collect(Collectors.toSet());
    }

    /** How many of a node's usable GPUs a job on it has: one that began to fail under its job is not in the node's capacity any more. */
    private int held(Job job) {
        if (job.getState() == JobState.PARKED) {
            return 0;
        }
        return job.getSpec().getGpus() - (int) job.getGpusList().stream().filter(gpu -> unusable.contains(new Place(job.getNode(), gpu))).count();
    }

    private void gpus(String node, List<String> taken) {
        if (!taken.isEmpty()) {
            boolean ignored = gpus.computeIfAbsent(node, name -> new HashSet<>()).addAll(taken);
        }
    }

    /** UUIDs of the GPUs of a node that jobs have, or that an operation holds for one. */
    public Set<String> gpus(String node) {
        return gpus.getOrDefault(node, Set.of());
    }

    private void add(String node, JobSpec spec) {
        add(node, wanted(spec));
    }

    private void add(String node, Resources wanted) {
        Resources now = of(node);
        byNode.put(
                node,
                Resources.newBuilder()
                        .setCpuMillis(now.getCpuMillis() + wanted.getCpuMillis())
                        .setMemoryBytes(now.getMemoryBytes() + wanted.getMemoryBytes())
                        .setGpus(now.getGpus() + wanted.getGpus())
                        .build());
    }

    public Resources of(String node) {
        return byNode.getOrDefault(node, Resources.getDefaultInstance());
    }

    /** What a job asks for, with the defaults of job.proto. */
    public static Resources wanted(JobSpec spec) {
        return Resources.newBuilder()
                .setCpuMillis(spec.getCpuMillis() == 0 ? DEFAULT_CPU_MILLIS : spec.getCpuMillis())
                .setMemoryBytes(spec.getMemoryBytes() == 0 ? DEFAULT_MEMORY : spec.getMemoryBytes())
                .setGpus(spec.getGpus())
                .build();
    }

    /** What a node has, and has again when its failing GPUs are well: what no node ever has is refused, what it has not now is waited for. */
    static Resources ever(Node node) {
        return node.getCapacity().toBuilder().setGpus(Math.max(node.getCapacity().getGpus(), (int) node.getFacts().getGpusList().stream().filter(gpu -> !gpu.getMig()).count())).build();
    }

    /** What does not fit, for people; empty: it fits. */
    static String lack(Resources wanted, Resources capacity, Resources taken) {
        if (wanted.getCpuMillis() > capacity.getCpuMillis() - taken.getCpuMillis()) {
            return cpus(wanted.getCpuMillis()) + " CPUs wanted, " + cpus(capacity.getCpuMillis() - taken.getCpuMillis()) + " of " + cpus(capacity.getCpuMillis()) + " free";
        }
        if (wanted.getMemoryBytes() > capacity.getMemoryBytes() - taken.getMemoryBytes()) {
            return size(wanted.getMemoryBytes()) + " of memory wanted, " + size(capacity.getMemoryBytes() - taken.getMemoryBytes()) + " of " + size(capacity.getMemoryBytes()) + " free";
        }
        if (wanted.getGpus() > capacity.getGpus() - taken.getGpus()) {
            return wanted.getGpus() + " GPUs wanted, " + (capacity.getGpus() - taken.getGpus()) + " of " + capacity.getGpus() + " free";
        }
        return "";
    }

    private static String cpus(long millis) {
        return millis % 1000 == 0 ? Long.toString(millis / 1000) : Double.toString(millis / 1000.0);
    }

    private static String size(long bytes) {
        return dev.ferry.common.Sizes.format(Math.max(0, bytes));
    }
}
