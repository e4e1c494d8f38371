package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.Failure;
import dev.ferry.cli.output.Table;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.RebalancePlan;
import dev.ferry.proto.v1.RebalanceRequest;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code ferry rebalance}. */
@Command(
        name = "rebalance",
        description = {
            "Migrates jobs off GPUs that are failing, and so that others fit, which wait though the cluster has enough for them in pieces: eight GPUs that are free on four nodes become eight on one.",
            "Only moves that are worth what they cost are made, and jobs that were started or moved lately stay: scheduling.worth, horizon, minimumRun and spacing of the coordinator.",
            "The exit status is that of the first move that failed, and 4 if moves were refused and none was made."
        },
        footer = {"", "Examples:", "  ferry rebalance --dry-run", "  ferry rebalance --most-moves 2"})
public final class RebalanceVerb implements Callable<Integer> {
    @Mixin private final ServerOption server = new ServerOption();

    @Option(names = "--dry-run", description = "Only show the moves and what they win.")
    private boolean dryRun;

    @Option(names = "--most-moves", paramLabel = "N", description = "How many jobs are moved at most; default 8.", defaultValue = "8")
    private int mostMoves = 8;

    @Option(names = "--detach", description = "Return when the moves have begun.")
    private boolean detach;

    @Override
    public Integer call() {
        if (mostMoves < 1) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--most-moves " + mostMoves + ": write 1 or more; --dry-run moves nothing");
        }
        try (Client client = server.connect()) {
            RebalancePlan plan = client.askDecisions(stub -> stub.rebalance(RebalanceRequest.newBuilder().setDryRun(dryRun).setMostMoves(mostMoves).build()));
            if (dryRun || detach) {
                server.print(plan, () -> text(plan));
                return dryRun || !begun(plan).isEmpty() ? 0 : refused(plan);
            }
            server.say(text(plan));
            RebalancePlan.Builder told = plan.toBuilder();
            int status = follow(client, plan, told);
            if (server.json()) {
                server.print(told, () -> "");
            }
            boolean moved = told.getOperationsList().stream().anyMatch(operation -> operation.getState() == OperationState.SUCCEEDED);
            return status == 0 && !moved ? refused(plan) : status;
        }
    }

    /** Exit status where no move has come to anything; 0: none was to be made. */
    private static int refused(RebalancePlan plan) {
        return moves(plan).anyMatch(move -> !move.getRefusal().isEmpty()) ? Main.statusOf(new FerryException(ErrorCode.WRONG_STATE, "refused")) : 0;
    }

    /**
     * @param told gets the operations as they ended
     * @return exit status of the first move that failed; 0: none did
     */
    private int follow(Client client, RebalancePlan plan, RebalancePlan.Builder told) {
        int status = 0;
        for (String move : begun(plan)) {
            int one;
            try {
                Operation operation = client.look(stub -> stub.getOperation(GetOperationRequest.newBuilder().setOperation(move).build()));
                Operation ended = Operations.oneOfSeveral(server, client, operation);
                told.addOperations(ended);
                one = ended.getState() == OperationState.FAILED_OPERATION ? Main.statusOf(new FerryException(ended.getError())) : 0;
            } catch (FerryException unseen) {
                if (Operations.isAway(unseen)) {
                    throw unseen;
                }
                one = Failure.print(unseen, false);
            }
            status = status == 0 ? one : status;
        }
        return status;
    }

    private static List<String> begun(RebalancePlan plan) {
        return moves(plan).map(RebalancePlan.Move::getOperation).filter(operation -> !operation.isEmpty()).toList();
    }

    private static Stream<RebalancePlan.Move> moves(RebalancePlan plan) {
        return Stream.concat(plan.getLeavingList().stream(), plan.getGainsList().stream().flatMap(gain -> gain.getMovesList().stream()));
    }

    private static String text(RebalancePlan plan) {
        if (plan.getGainsCount() == 0 && plan.getLeavingCount() == 0) {
            return plan.getWaiting() == 0 ? "nobody waits for room\n" : "no moves would make room for any of the " + plan.getWaiting() + " jobs that wait, or none that are worth it\n";
        }
        Table table = new Table("MOVES", "FROM", "TO", "STANDS STILL", "SO THAT", "FITS ON", "NOTE");
        plan.getLeavingList().forEach(move -> row(table, move, "", ""));
        plan.getGainsList().forEach(gain -> gain.getMovesList().forEach(move -> row(table, move, gain.getJob(), gain.getNode())));
        return table + (plan.getDryRun() ? "nothing was moved: this is what would be\n" : "");
    }

    private static void row(Table table, RebalancePlan.Move move, String soThat, String fitsOn) {
        List<String> notes = Stream.of(move.getWhy(), move.getRefusal().isEmpty() ? move.getOperation() : "not begun: " + move.getRefusal()).filter(note -> !note.isEmpty()).toList();
        table.row(move.getJob(), move.getFrom(), move.getTo(), String.format(Locale.ROOT, "%.1f s", move.getSeconds()), soThat, fitsOn, String.join("; ", notes));
    }
}
