package dev.ferry.coordinator.placement;

import dev.ferry.common.Places;
import dev.ferry.proto.v1.Gpu;
import dev.ferry.proto.v1.GpuUse;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Requirements;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Whether a node has what an image needs, known from facts alone: nothing is stopped to find out. */
final class Compatibility {
    private static final int MOST_NAMED = 8;

    private Compatibility() {}

    /** What the node lacks, for people; empty: nothing. */
    static Optional<String> unfit(Requirements needs, NodeFacts facts) {
        List<String> lacks = new ArrayList<>();
        if (!needs.getArchitecture().equals(facts.getArchitecture())) {
            lacks.add("the image is of architecture " + needs.getArchitecture() + ", the node has " + facts.getArchitecture());
        }
        Set<String> missing = new HashSet<>(needs.getCpuFeaturesList());
        facts.getCpuFeaturesList().forEach(missing::remove);
        if (!missing.isEmpty()) {
            List<String> named = missing.stream().sorted().limit(MOST_NAMED).toList();
            lacks.add("its processor lacks " + String.join(" ", named) + (missing.size() > MOST_NAMED ? " and " + (missing.size() - MOST_NAMED) + " more" : ""));
        }
        if (older(facts.getCriuVersion(), needs.getCriuVersion())) {
            lacks.add("its CRIU is " + facts.getCriuVersion() + ", the image was made by " + needs.getCriuVersion());
        }
        if (older(majorMinor(facts.getKernel()), majorMinor(needs.getKernel()))) {
            lacks.add("its kernel is " + facts.getKernel() + ", older than the image's " + needs.getKernel());
        }
        if (needs.getGpus() > facts.getGpuModelsCount()) {
            lacks.add("the image needs " + needs.getGpus() + " GPUs, the node has " + facts.getGpuModelsCount());
        } else if (needs.getGpus() > 0 && !facts.getGpuModelsList().contains(needs.getGpuModel())) {
            lacks.add("the image needs a " + needs.getGpuModel() + ", the node has " + String.join(", ", facts.getGpuModelsList()));
        } else if (needs.getGpus() > 0 && older(facts.getGpuDriver(), needs.getGpuDriver())) {
            lacks.add("its GPU driver is " + facts.getGpuDriver() + ", older than the image's " + needs.getGpuDriver());
        }
        if (needs.getGpuUsesCount() > 0 && needs.getGpuStandIn() != facts.getGpuStandIn()) {
            lacks.add(needs.getGpuStandIn() ? "the image's GPU state is a stand-in's, its GPUs are real" : "its GPUs are a stand-in's, the image's GPU state is of real ones");
        }
        if (needs.getGpuUsesCount() > 0 && !facts.getGpuCanSave()) {
            lacks.add("its GPU driver can't bring state back: " + facts.getGpuNote());
        }
        List<String> unplaced = facts.hasGpuPlaces() ? Places.missing(needs.getGpuFiles(), facts.getGpuPlaces()) : List.of();
        if (!unplaced.isEmpty()) {
            lacks.add("its GPUs come without " + Places.name(unplaced) + ", which the job has mounted: give the node the driver and the CDI specification of the node that the job is from, and start its daemon anew");
        }
        boolean stays = facts.getGpusList().stream().map(Gpu::getUuid).toList().containsAll(needs.getGpuUsesList().stream().map(GpuUse::getUuid).toList());
        if (needs.getGpuUsesCount() > 0 && !stays && !facts.getGpuCanMap()) {
            lacks.add("its GPU driver brings state back only on the GPUs that it came from: " + facts.getGpuNote());
        }
        return lacks.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", lacks));
    }

    private static String majorMinor(String kernel) {
        String[] parts = kernel.split("[^0-9]+", -1);
        return parts.length < 2 ? kernel : parts[0] + "." + parts[1];
    }

    /** Whether a dotted version comes before another; a part that is no number ends the comparison. */
    private static boolean older(String version, String than) {
        String[] left = version.split("\\.", -1);
        String[] right = than.split("\\.", -1);
        for (int i = 0; i < Math.min(left.length, right.length); i++) {
            if (!left[i].matches("\\d{1,9}") || !right[i].matches("\\d{1,9}")) {
                return false;
            }
            int difference = Integer.compare(Integer.parseInt(left[i]), Integer.parseInt(right[i]));
            if (difference != 0) {
                return difference < 0;
            }
        }
        return false;
    }
}
