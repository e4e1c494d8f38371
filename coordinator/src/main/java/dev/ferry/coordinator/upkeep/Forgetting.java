package dev.ferry.coordinator.upkeep;

import dev.ferry.common.Ids;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.accounts.Metering;
import dev.ferry.coordinator.evacuation.Policies;
import dev.ferry.coordinator.nodes.CommandDesk;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ForgetJob;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes what is left of jobs that have ended: first on every node that had a life of them, by order, and only when each of those has said
 * that nothing is left there, their operations and their record here. Nothing of it is written down before that, so that after a crash in
 * between all is simply done again: a node that has forgotten a job says so when it is told once more.
 *
 * <p>What is never forgotten: a job that may run again by itself or by somebody's word. So none that has not ended ({@link
 * JobStates#isEnded}: a lost or suspended one has not), none with an open operation, and none with an image, from which it could be
 * restored. A job's id is never given again, and a node that comes back with a life of a job that is not known here is told to hold and to kill it, as with any
 * life that does not stand; so nothing depends on a record of it.
 */
final class Forgetting {
    private static final Logger LOG = LoggerFactory.getLogger(Forgetting.class);

    /** Jobs that are dealt with at once, and whose records go in one transaction. */
    static final int BATCH = 50;

    private final StateStore store;
    private final CommandDesk desk;
    private final Duration patience;

    /**
     * @param patience how long the nodes may take for a batch
     */
    Forgetting(StateStore store, CommandDesk desk, Duration patience) {
        this.store = store;
        this.desk = desk;
        this.patience = patience;
    }

    /**
     * What became of a batch.
     *
     * @param forgotten ids of the jobs that are gone
     * @param unanswered of each other job the nodes that have not said that nothing of it is left there
     * @param late whether one of those has a stream and did not answer in time
     */
    record Outcome(List<String> forgotten, Map<String, Set<String>> unanswered, boolean late) {}

    private record Asked(Job job, String node, CommandDesk.Open order, CompletableFuture<CommandResult> answer) {}

    /** Whether nothing can bring a job back: it may be forgotten. */
    static boolean isOver(Transaction state, Job job) {
        return JobStates.isEnded(job.getState()) && job.getOperation().isEmpty() && state.images(job.getId()).isEmpty() && Metering.isCounted(state, job.getId());
    }

    /**
     * Forgets jobs as far as their nodes answer; waits for them.
     *
     * @param jobs as they were read a moment ago
     */
    Outcome forget(List<Job> jobs) {
        Map<String, Set<String>> unanswered = new LinkedHashMap<>();
        List<Asked> asked = new ArrayList<>();
        for (Job job : jobs) {
            Set<String> nodes = store.transact(state -> nodes(state, job));
            unanswered.put(job.getId(), nodes);
            nodes.stream().filter(desk::isConnected).forEach(node -> asked.add(ask(job, node)));
        }
        long end = System.nanoTime() + patience.toNanos();
        try {
            for (Asked one : asked) {
                if (isDone(one, end)) {
                    unanswered.getOrDefault(one.job().getId(), Set.of()).remove(one.node());
                }
            }
        } finally {
            asked.forEach(one -> desk.drop(one.order()));
        }
        List<Job> answered = jobs.stream().filter(job -> unanswered.getOrDefault(job.getId(), Set.of()).isEmpty()).toList();
        List<String> forgotten = answered.isEmpty() ? List.of() : store.transact(state -> answered.stream().filter(job -> remove(state, job)).map(Job::getId).toList());
        unanswered.values().removeIf(Set::isEmpty);
        return new Outcome(forgotten, unanswered, System.nanoTime() >= end);
    }

    /** Nodes that were given an order for a job, and may have something of it. Of one that is dead or was removed nothing is expected. */
    private static Set<String> nodes(Transaction state, Job job) {
        Set<String> nodes = new TreeSet<>();
        nodes.add(job.getNode());
        for (Operation operation : state.operations(job.getId(), Integer.MAX_VALUE)) {
            nodes.add(operation.getSourceNode());
            nodes.add(operation.getTargetNode());
            operation.getStepsList().stream().map(Step::getNode).forEach(nodes::add);
        }
        nodes.removeIf(name -> state.node(name).filter(Forgetting::mayComeBack).isEmpty());
        return nodes;
    }

    private static boolean mayComeBack(Node node) {
        return node.getState() != NodeState.DEAD;
    }

    private Asked ask(Job job, String node) {
        Command command =
                Command.newBuilder()
                        .setId("req-" + Ids.random(10))
                        .setJob(job.getId())
                        .setIncarnation(job.getIncarnation())
                        .setDeadlineMillis(patience.toMillis())
                        .setForget(ForgetJob.getDefaultInstance())
                        .build();
        CompletableFuture<CommandResult> answer = new CompletableFuture<>();
        return new Asked(job, node, desk.order(node, command, () -> true, answer::complete, told -> {}), answer);
    }

    private boolean isDone(Asked asked, long end) {
        try {
            CommandResult result = asked.answer().get(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
            desk.acknowledge(asked.node(), result.getId());
            if (result.hasError()) {
                LOG.warn("node {} does not forget job {}: {}", asked.node(), asked.job().getId(), result.getError().getMessage());
            }
            return !result.hasError();
        } catch (TimeoutException later) {
            return false;
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        } catch (InterruptedException ending) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Removes a job's record, unless it is not what it was when its nodes were asked. */
    private static boolean remove(Transaction state, Job asked) {
        Optional<Job> now = state.job(asked.getId()).filter(job -> job.getIncarnation() == asked.getIncarnation() && isOver(state, job));
        now.ifPresent(
                job -> {
                    Metering.forget(state, job.getId());
                    Policies.forget(state, job.getId());
                    state.deleteJob(job.getId());
                });
        return now.isPresent();
    }
}
