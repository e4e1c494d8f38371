package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassRunning;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** Jobs that run on a GPU which is failing, and where they could go while they can still be saved. Such a GPU gets no new jobs; nobody else takes those off it that it has. */
final class FailingGpus {
    private FailingGpus() {}

    /** Whether any running job has one. */
    static boolean hold(Transaction state) {
        return state.liveJobs().stream().anyMatch(job -> job.getState() == JobState.RUNNING && why(state, job).isPresent());
    }

    /**
     * Moves away from them, each to the node with the fewest free GPUs that has room and suits.
     *
     * @param room what is free; what the moves take is taken from it
     * @param movable of the same order as the input's running jobs
     * @param suits whether a job may go to a node at all, by its name
     */
    static List<RebalancePlan.Move> leave(Transaction state, PassInput input, Room room, List<RunningJob> movable, int most, Predicate<RebalancePlan.Move> suits) {
        List<RebalancePlan.Move> moves = new ArrayList<>();
        for (int at = 0; at < movable.size() && moves.size() < most; at++) {
            RunningJob job = movable.get(at);
            PassRunning told = input.getRunning(at);
            Optional<String> why = job.movable() ? state.job(told.getJob()).flatMap(known -> why(state, known)) : Optional.empty();
            if (why.isPresent()) {
                RebalancePlan.Move move = RebalancePlan.Move.newBuilder().setJob(told.getJob()).setFrom(input.getNodes(told.getNode()).getName()).setSeconds(told.getMoveSeconds()).setWhy(why.get()).build();
                int to = room.tightest(job.demand(), node -> node != told.getNode() && suits.test(move.toBuilder().setTo(input.getNodes(node).getName()).build()));
                if (to >= 0) {
                    // What it leaves is no room for others: the GPU takes no jobs.
                    room.take(new int[] {to}, job.demand());
                    moves.add(move.toBuilder().setTo(input.getNodes(to).getName()).build());
                }
            }
        }
        return moves;
    }

    private static Optional<String> why(Transaction state, Job job) {
        if (job.getGpusCount() == 0) {
            return Optional.empty();
        }
        return state.node(job.getNode()).map(Node::getFacts).flatMap(facts -> facts.getGpusList().stream().filter(gpu -> job.getGpusList().contains(gpu.getUuid()) && !gpu.getSick().isEmpty()).findFirst()).map(FailingGpus::text);
    }

    private static String text(Gpu gpu) {
        return "its " + gpu.getUuid() + " is failing: " + gpu.getSick();
    }
}
