package dev.ferry.node.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.ferry.common.Ids;
import dev.ferry.proto.v1.CheckJob;
import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.CommandResult;
import dev.ferry.proto.v1.DumpJob;
import dev.ferry.proto.v1.GpuFiles;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.KillJob;
import dev.ferry.proto.v1.Mount;
import dev.ferry.proto.v1.ParkJob;
import dev.ferry.proto.v1.RestoreJob;
import dev.ferry.proto.v1.StartJob;
import dev.ferry.proto.v1.ThawJob;
import dev.ferry.proto.v1.UnparkJob;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** One job on testing nodes, and what tests do to it. */
final class GpuJobs {
    final String id = Ids.newJob();
    private final JobSpec spec;
    private int life = 1;
    private int commands;
    private int images;

    GpuJobs(TestingGpuNode node, int gpus, String program, String... arguments) {
        spec =
                JobSpec.newBuilder()
                        .setName("gpu")
                        .addCommand(program.endsWith(".py") ? "/usr/bin/python3" : "/jobs/" + program)
                        .addAllCommand(program.endsWith(".py") ? List.of("/jobs/" + program) : List.of())
                        .addAllCommand(List.of(arguments))
                        .setGpus(gpus)
                        .setCpuMillis(2000)
                        .setMemoryBytes(256L << 20)
                        .addMounts(Mount.newBuilder().setSource(node.cards.jobs().toString()).setDestination("/jobs").setReadOnly(true))
                        .build();
    }

    private Command.Builder command(String what) {
        return Command.newBuilder().setId("test/" + what + "/" + ++commands).setJob(id).setIncarnation(life);
    }

    CommandResult start(TestingGpuNode node, List<String> gpus) throws InterruptedException {
        return node.succeed(command("start").setStart(StartJob.newBuilder().setSpec(spec).addAllGpus(gpus)));
    }

    Command.Builder dump(boolean stayFrozen) {
        images++;
        return command("dump").setDump(DumpJob.newBuilder().setSpec(spec).setImage(Ids.image(id, images)).setSequence(images).setStayFrozen(stayFrozen));
    }

    Command.Builder check(List<String> gpus, GpuFiles files) {
        return command("check").setCheck(CheckJob.newBuilder().setSpec(spec).addAllGpus(gpus).setGpuFiles(files));
    }

    Command.Builder park() {
        return command("park").setPark(ParkJob.getDefaultInstance());
    }

    Command.Builder unpark(List<String> gpus) {
        return command("unpark").setUnpark(UnparkJob.newBuilder().addAllGpus(gpus));
    }

    Command.Builder thaw() {
        return command("thaw").setThaw(ThawJob.getDefaultInstance());
    }

    Command.Builder kill() {
        return command("kill").setKill(KillJob.newBuilder().setDiscard(true));
    }

    Command.Builder restore(List<String> gpus) {
        return restore(gpus, images);
    }

    /** From one of its images, by its number from 1. */
    Command.Builder restore(List<String> gpus, int image) {
        life++;
        return command("restore").setRestore(RestoreJob.newBuilder().setSpec(spec).setImage(Ids.image(id, image)).addAllGpus(gpus));
    }

    /** Save, kill, and bring back on another node. */
    CommandResult move(TestingGpuNode from, TestingGpuNode to, List<String> gpus) throws InterruptedException {
        CommandResult saved = from.succeed(dump(true));
        CommandResult ignored = from.succeed(kill());
        CommandResult restored = to.succeed(restore(gpus));
        assertThat(restored.getPhasesList()).anyMatch(phase -> phase.getName().equals("gpu restore"));
        return saved;
    }

    /** Kills it and waits until nothing is left on the node's cards. */
    void end(TestingGpuNode node) throws Exception {
        CommandResult ignored = node.order(kill());
        await().atMost(TestingGpuNode.SOON).untilAsserted(() -> assertThat(node.cards.used()).isZero());
    }

    void awaitSteps(TestingGpuNode node, int more) throws Exception {
        int before = node.log(id).size();
        await().atMost(TestingGpuNode.SOON).pollInterval(Duration.ofMillis(20)).until(() -> node.log(id).size() >= before + more);
    }

    void awaitEnd(TestingGpuNode node) {
        await().atMost(TestingGpuNode.SOON).pollInterval(Duration.ofMillis(20)).until(() -> node.log(id).stream().anyMatch(line -> line.startsWith("done ")));
    }

    /** What the same program prints when nothing happens to it. */
    static List<String> reference(TestingGpuNode node, Path program, String... arguments) throws Exception {
        List<String> words = new ArrayList<>(program.toString().endsWith(".py") ? List.of("/usr/bin/python3", program.toString()) : List.of(program.toString()));
        words.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(words);
        builder.environment().putAll(node.cards.environment());
        Process process = builder.redirectErrorStream(true).start();
        List<String> lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        assertThat(process.waitFor()).as(lines.toString()).isZero();
        return lines;
    }
}
