package dev.ferry.node.jobs;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.NodeFacts;
import dev.ferry.proto.v1.Requirements;

/** What an image says of itself that its writer can't know. */
final class ImageFacts {
    private ImageFacts() {}

    static Image of(LocalJob job, Command command, long logBytes, long frozenNanos) {
        String id = command.getId();
        int slash = id.indexOf('/');
        return Image.newBuilder()
                .setId(command.getDump().getImage())
                .setJob(job.id())
                .setIncarnation(command.getIncarnation())
                .setSequence(command.getDump().getSequence())
                .setCreatedAt(System.currentTimeMillis())
                .setRequirements(requirements(command.getDump().getSpec(), job.context().facts()))
                .setFreezeMicros(frozenNanos / 1000)
                .setLogBytes(logBytes)
                .setNode(job.context().node())
                .setOperation(slash < 0 ? id : id.substring(0, slash))
                .build();
    }

    private static Requirements requirements(JobSpec spec, NodeFacts facts) {
        Requirements.Builder needs =
                Requirements.newBuilder()
                        .setArchitecture(facts.getArchitecture())
                        .addAllCpuFeatures(facts.getCpuFeaturesList())
                        .setKernel(facts.getKernel())
                        .setCriuVersion(facts.getCriuVersion())
                        .setGpus(spec.getGpus())
                        .addAllMounts(spec.getMountsList())
                        .setUid(spec.getUid())
                        .setGid(spec.getGid())
                        .setRootfs(spec.getRootfs())
                        .setWorkdir(spec.getWorkdir());
        if (spec.getGpus() > 0 && facts.getGpuModelsCount() > 0) {
            needs.setGpuModel(facts.getGpuModels(0)).setGpuDriver(facts.getGpuDriver());
        }
        return needs.build();
    }
}
