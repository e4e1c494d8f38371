package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.OnPartition;
import java.time.Duration;
import java.util.List;

/** What users ask for, at random times; much of it is refused, as it should be. */
final class Workload {
    private static final int MOST_JOBS = 4;

    private final World world;
    private final Simulation simulation;
    private final double saves;

    Workload(World world) {
        this.world = world;
        simulation = world.simulation();
        saves = world.faults().outages() ? 0.7 : 0;
    }

    void run() {
        OnPartition onPartition = simulation.chance(0.15) ? OnPartition.CONTINUE_ON_PARTITION : OnPartition.FREEZE_ON_PARTITION;
        world.leader().ask("run", verbs -> verbs.run(JobSpec.newBuilder().addCommand("/bin/true").setOnPartition(onPartition).build()));
    }

    /** One call. */
    void ask() {
        List<String> jobs = List.copyOf(world.tables().jobs.keySet());
        if (jobs.isEmpty() || (jobs.size() < MOST_JOBS && simulation.chance(0.1))) {
            run();
            return;
        }
        String job = simulation.pick(jobs);
        SimCoordinator leader = world.leader();
        // What has no image lives nowhere else when its node is lost.
        boolean unsaved = world.tables().jobs.get(job).getLatestImage().isEmpty();
        if (unsaved && simulation.chance(saves)) {
            leader.ask("checkpoint " + job, verbs -> verbs.checkpoint(job));
            return;
        }
        switch (simulation.random().nextInt(15)) {
            case 0, 1, 2 -> leader.ask("migrate " + job, verbs -> verbs.migrate(job, "", "operator"));
            case 3, 4 -> leader.ask("migrate live " + job, verbs -> verbs.migrate(job, "", true, "operator"));
            case 5 -> leader.ask("suspend " + job, verbs -> verbs.suspend(job));
            case 6 -> leader.ask("resume " + job, verbs -> verbs.resume(job, ""));
            case 7, 8 -> leader.ask("checkpoint " + job, verbs -> verbs.checkpoint(job));
            case 9, 10 -> leader.ask("restore " + job, verbs -> verbs.restore(job, ""));
            case 11 -> {
                if (simulation.chance(0.1)) {
                    leader.ask("cancel " + job, verbs -> verbs.cancel(job));
                } else {
                    leader.ask("resume " + job, verbs -> verbs.resume(job, ""));
                }
            }
            case 12 -> {
                SimNode node = simulation.pick(world.nodes());
                Duration deadline = Duration.ofSeconds(1 + simulation.random().nextInt(90));
                leader.ask("evacuate " + node, verbs -> leader.evacuations().evacuate(node.name(), deadline, "", ""));
            }
            case 13, 14 -> {
                SimNode node = simulation.pick(world.nodes());
                world.undrain(node);
            }
            default -> throw new IllegalStateException();
        }
    }
}
