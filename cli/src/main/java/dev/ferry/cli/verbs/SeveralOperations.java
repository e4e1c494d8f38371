package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.Failure;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.util.ArrayList;
import java.util.List;

/** Operations on several jobs: none keeps the others from beginning, and each that has begun is told of. */
final class SeveralOperations {
    private final ServerOption server;
    private final Client client;
    private final boolean detach;
    private final List<Integer> statuses = new ArrayList<>();
    private final List<Operation> begun = new ArrayList<>();

    SeveralOperations(ServerOption server, Client client, boolean detach) {
        this.server = server;
        this.client = client;
        this.detach = detach;
    }

    /**
     * @param waits whether another operation that is at work on a job is waited for: when those on all other jobs have begun
     * @return 0, or the exit status of the first that was refused or failed
     * @throws FerryException what is wrong, where there is one job only; COORDINATOR_UNREACHABLE
     */
    int run(List<String> jobs, boolean waits, Operations.Request request) {
        try {
            List<String> busy = new ArrayList<>();
            for (String job : jobs) {
                try {
                    began(client.ask(request.apply(job)));
                } catch (FerryException refused) {
                    if (waits && refused.code() == ErrorCode.OPERATION_IN_PROGRESS) {
                        busy.add(job);
                    } else {
                        refuse(refused, jobs);
                    }
                }
            }
            for (String job : busy) {
                try {
                    began(Operations.begin(client, job, request.apply(job)));
                } catch (FerryException refused) {
                    refuse(refused, jobs);
                }
            }
        } catch (FerryException end) {
            tell(detach ? List.of() : begun);
            throw end;
        }
        if (!detach) {
            follow();
        }
        return statuses.isEmpty() ? 0 : statuses.getFirst();
    }

    private void began(Operation operation) {
        begun.add(operation);
        if (detach) {
            server.print(operation, () -> operation.getId() + "\n");
        }
    }

    private void refuse(FerryException refused, List<String> jobs) {
        if (jobs.size() == 1 || Operations.isAway(refused)) {
            throw refused;
        }
        statuses.add(Failure.print(refused, false));
    }

    private void follow() {
        for (int at = 0; at < begun.size(); at++) {
            Operation ended;
            try {
                ended = Operations.oneOfSeveral(server, client, begun.get(at));
            } catch (FerryException unseen) {
                statuses.add(Failure.print(unseen, false));
                if (Operations.isAway(unseen)) {
                    // Each of the others would be waited for as long once more.
                    tell(begun.subList(at + 1, begun.size()));
                    return;
                }
                continue;
            }
            if (ended.getState() == OperationState.FAILED_OPERATION) {
                statuses.add(Main.statusOf(new FerryException(ended.getError())));
            }
            if (server.json()) {
                server.print(ended, () -> "");
            }
        }
    }

    private static void tell(List<Operation> unseen) {
        unseen.forEach(operation -> System.err.println("ferry: on job " + operation.getJob() + " " + Operations.goesOn(operation)));
    }
}
