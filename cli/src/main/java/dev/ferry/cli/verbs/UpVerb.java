package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.cluster.CleanEnd;
import dev.ferry.cli.cluster.LocalCluster;
import dev.ferry.cli.cluster.SpotMachines;
import dev.ferry.cli.cluster.Supervisor;
import dev.ferry.common.FerryException;
import dev.ferry.node.emulator.Cloud;
import dev.ferry.node.standin.StandInSpec;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.Server;
import dev.ferry.storage.seal.MasterKey;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ferry up}. */
@Command(
        name = "up",
        description = {
            "Runs a small cluster on this machine in the foreground: a coordinator and some nodes.",
            "Ctrl-C or SIGTERM suspends the running jobs and stops all of it; the next start with the same folder goes on with them."
        },
        footer = {"", "Example:", "  ferry up --nodes 2 --data /var/lib/ferry/up"})
public final class UpVerb implements Callable<Integer> {
    private static final int MOST_NODES = 9;

    @Option(names = "--nodes", paramLabel = "N", description = "How many nodes; default 2.", defaultValue = "2")
    private int nodes;

    @Option(names = "--data", paramLabel = "DIR", description = "Folder for all state; default /var/lib/ferry/up.", defaultValue = "/var/lib/ferry/up")
    private Path data = Path.of("/var/lib/ferry/up");

    @Option(names = "--store", paramLabel = "URL", description = "Object store, file:///folder or s3://bucket/prefix[?endpoint=https://host:9000&region=R&caFile=F&pathStyle=false] with the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; default a folder in DIR.", defaultValue = "")
    private String store = "";

    @Option(names = "--encrypt", description = "Encrypts what goes into the store, by a key that is made in DIR at the first start. Keep it: without it no image can be read.")
    private boolean encrypt;

    @Option(
            names = "--gpus",
            paramLabel = "stand-in:NxMODEL[:DRIVER[:MEMORY]]",
            description = "Gives each node GPUs that a stand-in plays, to try GPU jobs without a GPU; DRIVER is 550, 570, 580, 610 or 615. Needs Ferry's sources and gcc.",
            defaultValue = "")
    private String gpus = "";

    @Option(names = "--spot", paramLabel = "aws|gcp|azure", description = "Plays a cloud's metadata server for the nodes: 'ferry spot interrupt NODE' then shows what happens when one is taken away.", defaultValue = "")
    private String spot = "";

    @Option(names = "--listen", paramLabel = "HOST:PORT", description = "Address for the command line; default 127.0.0.1:7070.", defaultValue = "127.0.0.1:7070")
    private String listen = "127.0.0.1:7070";

    @Option(names = "--http", paramLabel = "HOST:PORT", description = "Address of the HTTP API; default 127.0.0.1:7080.", defaultValue = "127.0.0.1:7080")
    private String http = "127.0.0.1:7080";

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        if (nodes < 1 || nodes > MOST_NODES) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--nodes must be between 1 and " + MOST_NODES);
        }
        if (!gpus.isEmpty()) {
            StandInSpec ignored = StandInSpec.parse(gpus);
        }
        Optional<Cloud> cloud = cloud(spot);
        LocalCluster.requireRoot();
        Path folder = data.toAbsolutePath().normalize();
        Files.createDirectories(folder);
        makeKey(folder);
        CountDownLatch asked = new CountDownLatch(1);
        try (CleanEnd end = CleanEnd.telling(asked::countDown);
                LocalCluster cluster = LocalCluster.start(new LocalCluster.Plan(folder, nodes, store, listen, http, Map.of(), gpus, cloud));
                Closeable machines = cloud.isPresent() ? SpotMachines.open(cluster, folder) : () -> {};
                Supervisor unused = cluster.supervise(UpVerb::say)) {
            try (Client client = new Client(cluster.server())) {
                // Whoever has answered once is waited for when it is started again.
                Server ignored = client.ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance()));
                StopOfJobs jobs = new StopOfJobs(client, folder);
                jobs.resume();
                announce(cluster, folder);
                asked.await();
                say("suspending running jobs ...");
                jobs.suspend();
            }
            say("stopping ...");
        }
        return 0;
    }

    static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static Optional<Cloud> cloud(String name) {
        if (name.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(
                Arrays.stream(Cloud.values())
                        .filter(one -> one.name().equalsIgnoreCase(name))
                        .findFirst()
                        .orElseThrow(() -> new FerryException(ErrorCode.INVALID_ARGUMENT, "--spot takes aws, gcp or azure, not '" + name + "'")));
    }

    private void makeKey(Path folder) {
        Path key = LocalCluster.masterKey(folder);
        if (encrypt && !Files.exists(key)) {
            boolean before = store.isEmpty() && Files.exists(folder.resolve("store"));
            if (before) {
                throw new FerryException(ErrorCode.WRONG_STATE, "The store in " + folder.resolve("store") + " has objects that are not encrypted; --encrypt is for a new folder");
            }
            System.out.println("made " + MasterKey.generate(key) + " in " + key + ": keep a copy, without it no image can be read");
        }
    }

    private void announce(LocalCluster cluster, Path folder) throws IOException {
        String option = cluster.server().equals("127.0.0.1:7070") ? "" : " --server " + cluster.server();
        System.out.println("ready grpc=" + cluster.server() + " http=https://" + cluster.httpAddress() + " nodes=" + nodes + " data=" + folder);
        System.out.println("try:  ferry run" + option + " --name hello -- sh -c 'i=0; while :; do i=$((i+1)); echo $i; sleep 1; done'");
        if (!gpus.isEmpty()) {
            System.out.println("gpu: stand-in: " + gpus + " on each node; programs for it are in " + cluster.gpus(1).jobs());
            System.out.println("      ferry run" + option + " --name train --gpus 2 --mount " + cluster.gpus(1).jobs() + ":/jobs:ro -- /jobs/train 100000 3 16");
        }
        if (!spot.isEmpty()) {
            System.out.println("spot: a stand-in for " + spot + "; take a machine away by:  ferry spot interrupt node-1" + (folder.equals(Path.of("/var/lib/ferry/up")) ? "" : " --data " + folder) + "   and look: ferry evacuations" + option);
        }
        System.out.println("      ferry ps" + option + "   ferry migrate" + option + " hello   ferry logs -f" + option + " hello");
        System.out.flush();
    }
}
