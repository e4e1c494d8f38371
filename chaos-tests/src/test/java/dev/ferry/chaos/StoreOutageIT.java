package dev.ferry.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.proto.v1.CheckpointJobRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.storage.object.S3Server;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store that is away: an S3 server that dies in the middle of a dump, where the job goes on, the operation says why, and the next one works; and one that a node does not see. */
class StoreOutageIT {
    @TempDir Path folder;

    @Test
    void theJobGoesOnWhenTheStoreDiesInTheMiddleOfADump() throws Exception {
        try (S3Server s3 = new S3Server(Files.createDirectory(folder.resolve("s3")), false);
                Scene scene = new Scene(folder.resolve("cluster"), "s3://" + S3Server.BUCKET + "/outage?endpoint=" + s3.endpoint())) {
            Job job = scene.run("rich.py", 512, "256");
            Operation begun = scene.migrate(job.getId());
            await().atMost(Scene.SOON).until(() -> scene.operation(begun.getId()).getStepsList().stream().anyMatch(step -> step.getName().equals("DUMP")));
            s3.kill();
            Operation ended = scene.awaitEnd(begun);
            assertThat(ended.getState()).as(ended.toString()).isEqualTo(OperationState.FAILED_OPERATION);
            assertThat(ended.getError().getCode()).as(ended.toString()).isEqualTo(ErrorCode.STORE_UNREACHABLE);
            assertThat(ended.getError().getMessage()).contains(s3.endpoint());
            scene.assertRunsOnceWithoutGap(job.getId());
            assertThat(scene.job(job.getId()).getNode()).isEqualTo(job.getNode());
            s3.start();
            scene.succeed(stub -> stub.checkpointJob(CheckpointJobRequest.newBuilder().setJob(job.getId()).build()));
            scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).build()));
            scene.assertRunsOnceWithoutGap(job.getId());
            scene.cancel(job.getId());
        }
    }

    /** As after a start before its mount is there. */
    @Test
    void aNodeThatDoesNotSeeTheStoreGetsNoJobsUntilItDoes() throws Exception {
        try (Scene scene = new Scene(folder.resolve("cluster"))) {
            Job job = scene.run("rich.py", 512, "1");
            int other = job.getNode().equals("node-1") ? 2 : 1;
            String target = "node-" + other;
            Path id = scene.cluster.storeFolder().resolve("store-id");
            scene.cluster.node(other).kill();
            Files.move(id, folder.resolve("aside"));
            scene.cluster.startNode(other);
            await().atMost(Scene.SOON).until(() -> node(scene, target).getOtherStore());
            assertThat(node(scene, target).getStoreProblem()).contains("store.url");
            Operation refused = scene.fail(ErrorCode.OTHER_STORE, stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo(target).build()));
            assertThat(refused.getStepsList()).noneMatch(step -> step.getName().equals("DUMP"));
            Files.move(folder.resolve("aside"), id);
            await().atMost(Scene.SOON).until(() -> node(scene, target).getStoreProblem().isEmpty());
            scene.succeed(stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job.getId()).setTo(target).build()));
            scene.assertRunsOnceWithoutGap(job.getId());
            scene.cancel(job.getId());
        }
    }

    private static Node node(Scene scene, String name) {
        return scene.ask(stub -> stub.getNode(GetNodeRequest.newBuilder().setNode(name).build()));
    }
}
