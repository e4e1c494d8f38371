package dev.ferry.coordinator.scheduling;

import dev.ferry.proto.v1.PassGpus;
import dev.ferry.proto.v1.PassInput;
import dev.ferry.proto.v1.PassNode;
import dev.ferry.scheduling.pass.Demand;
import dev.ferry.scheduling.pass.Room;
import dev.ferry.scheduling.pass.RunningJob;
import dev.ferry.scheduling.pass.WaitingJob;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What of a cluster counts when room is made for a job. Of a node with GPUs of several models, some of which don't suit the job, neither these that are free nor those who hold such do: nobody leaves for GPUs that
 * the job can't have. Where it is not known which GPUs are free, since somebody starts there, nobody leaves either: the next look knows.
 *
 * @param room what is free
 * @param running those who may leave
 */
record GpuSight(Room room, List<RunningJob> running) {
    /**
     * @param mixed places of the nodes with GPUs of several models
     * @param room what is free now; not changed
     * @param running those who might leave, by their places in the input
     */
    static GpuSight of(PassInput input, List<Integer> mixed, WaitingJob job, Room room, List<RunningJob> running) {
        long labels = job.demand().gpus() == 0 ? 0 : job.demand().labels();
        Set<Integer> unclear = new HashSet<>();
        Room seen = room;
        boolean all = true;
        for (int at : mixed) {
            PassNode node = input.getNodes(at);
            List<PassGpus> others = node.getModelsList().stream().filter(model -> (model.getUnsuited() & labels) != 0).toList();
            if (others.isEmpty()) {
                continue;
            }
            all = false;
            int unsuited = others.stream().mapToInt(PassGpus::getFree).sum();
            if (node.getModelsList().stream().mapToInt(PassGpus::getFree).sum() != room.gpus(at)) {
                unclear.add(at);
            } else if (unsuited > 0) {
                seen = seen == room ? room.copy() : seen;
                seen.take(new int[] {at}, new Demand(1, 0, 0, unsuited, 0));
            }
        }
        if (all) {
            return new GpuSight(room, running);
        }
        return new GpuSight(seen, running.stream().filter(one -> !unclear.contains(one.nodes()[0]) && (input.getRunning((int) one.id()).getUnsuited() & labels) == 0).toList());
    }
}
