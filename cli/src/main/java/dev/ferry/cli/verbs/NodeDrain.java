package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.Failure;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.DrainNodeResponse;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.ListOperationsRequest;
import dev.ferry.proto.v1.MigrateJobRequest;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.NodeState;
import dev.ferry.proto.v1.Operation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ferry node drain}. */
@Command(name = "drain", description = "Moves a node's jobs away and gives it no new ones.", footer = {"", "Example:", "  ferry node drain node-2"})
public final class NodeDrain implements Callable<Integer> {
    @Mixin private final ServerOption server = new ServerOption();

    @Parameters(paramLabel = "NODE", description = "Name of the node.")
    private String node = "";

    @Option(names = "--detach", description = "Return when the moves have begun.")
    private boolean detach;

    @Override
    public Integer call() {
        try (Client client = server.connect()) {
            DrainNodeResponse begun = client.ask(stub -> stub.drainNode(named()));
            if (detach) {
                server.print(begun, () -> begun.getNode().getName() + " is " + begun.getNode().getState() + ", " + begun.getOperationsCount() + " jobs move away\n");
                return 0;
            }
            // No more than these: it is closed now.
            List<Operation> coming = client.look(stub -> stub.listOperations(ListOperationsRequest.newBuilder().setOpenOnly(true).build())).getOperationsList().stream().filter(open -> open.getTargetNode().equals(begun.getNode().getName())).toList();
            Map<String, FerryException> refused = new LinkedHashMap<>();
            List<Operation> ended = follow(client, begun, coming, refused);
            // What became of a single move does not matter if the job has ended or was moved by somebody else.
            Node after = client.look(stub -> stub.getNode(named()));
            refused.forEach((job, stays) -> {
                if (after.getJobsList().contains(job)) {
                    System.err.print(Failure.text(stays.detail()));
                }
            });
            server.print(
                    DrainNodeResponse.newBuilder().setNode(after).addAllOperations(ended),
                    () -> after.getName() + " is " + after.getState() + (after.getJobsCount() == 0 ? "" : ": " + String.join(", ", after.getJobsList()) + " could not be moved, 'ferry show' says why") + "\n");
            return after.getState() == NodeState.DRAINED ? 0 : Main.statusOf(new FerryException(ErrorCode.NO_CAPACITY, node));
        }
    }

    private GetNodeRequest named() {
        return GetNodeRequest.newBuilder().setNode(node).build();
    }

    /**
     * Also moves those that another operation, an image that is made of them for example, kept from being moved, and those that came meanwhile.
     *
     * @param coming operations that bring jobs to the node
     */
    private List<Operation> follow(Client client, DrainNodeResponse begun, List<Operation> coming, Map<String, FerryException> refused) {
        List<Operation> ended = new ArrayList<>();
        for (Operation move : begun.getOperationsList()) {
            try {
                ended.add(Operations.oneOfSeveral(server, client, move));
            } catch (FerryException unseen) {
                refuse(refused, move.getJob(), unseen);
            }
        }
        Set<String> moved = begun.getOperationsList().stream().map(Operation::getJob).collect(Collectors.toSet());
        List<String> jobs = new ArrayList<>(begun.getNode().getJobsList());
        for (Operation one : coming) {
            try {
                Operation ignored = Operations.toEnd(client, one, told -> {});
                jobs.add(one.getJob());
            } catch (FerryException unseen) {
                refuse(refused, one.getJob(), unseen);
            }
        }
        for (String job : new LinkedHashSet<>(jobs)) {
            if (moved.contains(job)) {
                continue;
            }
            try {
                // What it is waited for may have moved it: from where it is then, it need not go.
                Optional<Operation> late = Operations.begin(client, job, now -> now.getNode().equals(begun.getNode().getName()), stub -> stub.migrateJob(MigrateJobRequest.newBuilder().setJob(job).build()));
                late.ifPresent(move -> ended.add(Operations.oneOfSeveral(server, client, move)));
            } catch (FerryException stays) {
                refuse(refused, job, stays);
            }
        }
        return ended;
    }

    private static void refuse(Map<String, FerryException> refused, String job, FerryException why) {
        if (Operations.isAway(why)) {
            throw why;
        }
        refused.put(job, why);
    }
}
