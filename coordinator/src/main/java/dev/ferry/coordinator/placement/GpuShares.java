package dev.ferry.coordinator.placement;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuUse;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Requirements;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Which GPUs of a node a job gets: whole ones, by UUID, each to one job at a time, all of one model. */
public final class GpuShares {
    private GpuShares() {}

    /** What a job wants of a node's GPUs. */
    private record Wish(int count, String model, List<GpuUse> uses) {
        static Wish of(JobSpec spec, Optional<Requirements> image) {
            return new Wish(spec.getGpus(), spec.getGpuModel().toLowerCase(Locale.ROOT), image.map(Requirements::getGpuUsesList).orElse(List.of()));
        }

        /** Why a GPU is not wanted; empty: it is. */
        String refuses(Gpu gpu) {
            if (!gpu.getSick().isEmpty()) {
                return gpu.getSick();
            }
            if (gpu.getMig()) {
                return "it is in MIG mode";
            }
            if (!gpu.getModel().toLowerCase(Locale.ROOT).contains(model)) {
                return "it is a " + gpu.getModel();
            }
            for (GpuUse use : uses) {
                if (!gpu.getModel().equals(use.getModel())) {
                    return "it is a " + gpu.getModel() + ", the image's state is of a " + use.getModel();
                }
                if (gpu.getMemoryBytes() < use.getUsedBytes()) {
                    return "it has " + Sizes.format(gpu.getMemoryBytes()) + ", the image's state needs " + Sizes.format(use.getUsedBytes());
                }
            }
            return "";
        }
    }

    /**
     * Chooses GPUs for a job that has room on the node otherwise.
     *
     * @param image what the image needs; empty: a first start
     * @param operation the one that asks, whose own reservation does not count; empty: none
     * @param before UUIDs that are taken again where they are free: state that goes back to where it was needs no map
     * @return UUIDs, as many as the job asks for
     * @throws FerryException NO_CAPACITY
     */
    public static List<String> choose(Transaction state, Node node, JobSpec spec, Optional<Requirements> image, String operation, List<String> before) {
        Wish wish = Wish.of(spec, image);
        if (wish.count() == 0) {
            return List.of();
        }
        Usage usage = Usage.of(state, operation);
        Set<String> taken = usage.gpus(node.getName());
        List<Gpu> free = free(node, wish, taken);
        boolean again = before.size() == wish.count() && free.stream().map(Gpu::getUuid).toList().containsAll(before);
        List<String> chosen = again ? List.copyOf(before) : ofOneModel(free, wish.count());
        if (chosen.size() < wish.count()) {
            throw new FerryException(ErrorCode.NO_CAPACITY, "Node " + node.getName() + ": " + lack(node, spec, image, taken));
        }
        // Which GPUs a job gets for which others make room is not known yet, only how many.
        int left = node.getCapacity().getGpus() - usage.of(node.getName()).getGpus();
        if (left < wish.count()) {
            throw new FerryException(ErrorCode.NO_CAPACITY, "Node " + node.getName() + ": " + wish.count() + " GPUs wanted, " + Math.max(0, left) + " free that are not kept for a job that room is made for");
        }
        return chosen;
    }

    /** Whether a GPU may get jobs: it is well, and whole. */
    public static boolean isUsable(Gpu gpu) {
        return gpu.getSick().isEmpty() && !gpu.getMig();
    }

    /** GPUs of a node that get no jobs because they are failing: reset or replaced they will. */
    static List<Gpu> failing(Node node) {
        return node.getFacts().getGpusList().stream().filter(gpu -> !gpu.getSick().isEmpty() && !gpu.getMig()).toList();
    }

    /** How many of the GPUs that a job has on its node may get no jobs. */
    public static int unusable(Job job, Node node) {
        return (int) node.getFacts().getGpusList().stream().filter(gpu -> !isUsable(gpu) && job.getGpusList().contains(gpu.getUuid())).count();
    }

    /** Memory of the GPUs that a job has on its node, in bytes. */
    public static long memory(Job job, Node node) {
        return node.getFacts().getGpusList().stream().filter(gpu -> job.getGpusList().contains(gpu.getUuid())).mapToLong(Gpu::getMemoryBytes).sum();
    }

    private static List<String> ofOneModel(List<Gpu> free, int count) {
        Map<String, List<String>> byModel = new LinkedHashMap<>();
        free.forEach(gpu -> byModel.computeIfAbsent(gpu.getModel(), model -> new ArrayList<>()).add(gpu.getUuid()));
        return byModel.values().stream().filter(uuids -> uuids.size() >= count).findFirst().map(uuids -> List.copyOf(uuids.subList(0, count))).orElse(List.of());
    }

    /** Whether a GPU, free or not, is one for a job; whatever the others of its node are. */
    public static boolean suits(Gpu gpu, JobSpec spec, Optional<Requirements> image) {
        return Wish.of(spec, image).refuses(gpu).isEmpty();
    }

    /** GPUs of a node that are for jobs, by model, where it has several; empty: it has one or none. */
    public static Map<String, List<Gpu>> models(Node node) {
        Map<String, List<Gpu>> byModel = new LinkedHashMap<>();
        node.getFacts().getGpusList().stream().filter(GpuShares::isUsable).forEach(gpu -> byModel.computeIfAbsent(gpu.getModel(), model -> new ArrayList<>()).add(gpu));
        return byModel.size() > 1 ? byModel : Map.of();
    }

    /** Whether a node's GPUs, free or not, would do for a job: so many that suit it, all of one model. */
    static boolean wouldDo(Node node, JobSpec spec, Optional<Requirements> image) {
        Wish wish = Wish.of(spec, image);
        return wish.count() == 0 || ofOneModel(free(node, wish, Set.of()), wish.count()).size() == wish.count();
    }

    /**
     * What a node's GPUs lack for a job now, for people; empty: nothing.
     *
     * @param taken UUIDs that are others' now
     */
    static String lack(Node node, JobSpec spec, Optional<Requirements> image, Set<String> taken) {
        Wish wish = Wish.of(spec, image);
        if (wish.count() == 0 || ofOneModel(free(node, wish, taken), wish.count()).size() == wish.count()) {
            return "";
        }
        List<String> reasons = new ArrayList<>();
        for (Gpu gpu : node.getFacts().getGpusList()) {
            String refusal = wish.refuses(gpu);
            if (!refusal.isEmpty() || taken.contains(gpu.getUuid())) {
                reasons.add(gpu.getUuid() + ": " + (refusal.isEmpty() ? "another job has it" : refusal));
            }
        }
        return wish.count() + " GPUs" + (wish.model().isEmpty() ? "" : " of model '" + wish.model() + "'") + " wanted; " + (reasons.isEmpty() ? "it has " + node.getFacts().getGpusCount() : String.join("; ", reasons));
    }

    private static List<Gpu> free(Node node, Wish wish, Set<String> taken) {
        return node.getFacts().getGpusList().stream().filter(gpu -> !taken.contains(gpu.getUuid()) && wish.refuses(gpu).isEmpty()).toList();
    }
}
