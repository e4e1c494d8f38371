package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.Main;
import dev.ferry.cli.output.Failure;
import dev.ferry.cli.output.OperationView;
import dev.ferry.cli.output.Terminal;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/** Begins operations, and follows them to their end. */
final class Operations {
    private static final int MOST_TRIES = 5;

    private Operations() {}

    /**
     * @return 0
     * @throws FerryException the operation's error, when it failed
     */
    static int follow(ServerOption server, Client client, Operation begun) {
        Operation ended = show(server, client, begun);
        if (ended.getState() == OperationState.FAILED_OPERATION) {
            throw new FerryException(ended.getError());
        }
        server.print(ended, () -> summary(client, ended));
        return 0;
    }

    /** Shows an operation while it goes on, to people. */
    private static Operation show(ServerOption server, Client client, Operation begun) {
        if (server.json()) {
            return toEnd(client, begun, told -> {});
        }
        OperationView view = new OperationView(System.out, Terminal.is(), "  ");
        System.out.println(begun.getId() + "  " + begun.getKind() + " of job " + begun.getJob());
        return toEnd(client, begun, view::show);
    }

    /**
     * Takes one of several operations to its end; one that fails is told of, and keeps nobody from the next.
     *
     * @return as it ended
     */
    static Operation oneOfSeveral(ServerOption server, Client client, Operation begun) {
        Operation ended = show(server, client, begun);
        if (ended.getState() == OperationState.FAILED_OPERATION) {
            System.err.print(Failure.text(ended.getError()));
        } else if (!server.json()) {
            server.say(summary(client, ended));
        }
        return ended;
    }

    /**
     * Begins an operation on each of several jobs, then follows them. What is wrong with one is said, and keeps nobody from the others.
     *
     * @return 0, or the exit status of the first that was refused or failed
     * @throws FerryException what is wrong, where there is one only
     */
    static int each(ServerOption server, Client client, List<String> jobs, boolean detach, Function<String, Operation> begin) {
        if (jobs.size() == 1 && !detach) {
            return follow(server, client, begin.apply(jobs.getFirst()));
        }
        List<Integer> statuses = new ArrayList<>();
        List<Operation> begun = new ArrayList<>();
        for (String job : jobs) {
            try {
                begun.add(begin.apply(job));
            } catch (FerryException refused) {
                if (jobs.size() == 1 || refused.code() == ErrorCode.COORDINATOR_UNREACHABLE) {
                    throw refused;
                }
                statuses.add(Failure.print(refused, false));
            }
        }
        for (Operation one : begun) {
            Operation now = detach ? one : oneOfSeveral(server, client, one);
            if (now.getState() == OperationState.FAILED_OPERATION) {
                statuses.add(Main.statusOf(new FerryException(now.getError())));
            }
            if (detach || server.json()) {
                server.print(now, () -> now.getId() + "\n");
            }
        }
        return statuses.isEmpty() ? 0 : statuses.getFirst();
    }

    /**
     * Begins an operation on a job. Another one that is at work on it is waited for, and said.
     *
     * @throws FerryException OPERATION_IN_PROGRESS when there is another one each time
     */
    static Operation begin(Client client, String job, Function<FerryGrpc.FerryBlockingStub, Operation> call) {
        for (int tries = 1; ; tries++) {
            try {
                return client.ask(call);
            } catch (FerryException refused) {
                if (refused.code() != ErrorCode.OPERATION_IN_PROGRESS || tries == MOST_TRIES) {
                    throw refused;
                }
                awaitFree(client, job);
            }
        }
    }

    private static void awaitFree(Client client, String job) {
        Job now = client.look(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(job).build()));
        if (!now.getOperation().isEmpty()) {
            System.err.println("ferry: operation " + now.getOperation() + " on job " + now.getId() + " has not ended, and is waited for");
            Operation ignored = toEnd(client, Operation.newBuilder().setId(now.getOperation()).build(), told -> {});
        }
    }

    /**
     * Takes an operation to its end without a word.
     *
     * @throws FerryException when that can't be seen any more: with the advice where to look, for the operation goes on
     */
    static Operation toEnd(Client client, Operation begun, Consumer<Operation> each) {
        try {
            return client.follow(stub -> stub.watchOperation(GetOperationRequest.newBuilder().setOperation(begun.getId()).build()), each);
        } catch (FerryException unseen) {
            String goesOn = "operation " + begun.getId() + " goes on: 'ferry operation show " + begun.getId() + "' tells how far it is";
            throw unseen.code() == ErrorCode.COORDINATOR_UNREACHABLE || unseen.code() == ErrorCode.NOT_LEADER ? new FerryException(unseen.detail().toBuilder().setAdvice(goesOn).build()) : unseen;
        }
    }

    private static String summary(Client client, Operation operation) {
        StringBuilder text = new StringBuilder("done in ").append(Texts.micros((operation.getEndedAt() - operation.getStartedAt()) * 1000));
        boolean saves = operation.getStepsList().stream().anyMatch(step -> step.getName().equals("DUMP"));
        if (saves) {
            Image image = client.ask(stub -> stub.getImage(GetImageRequest.newBuilder().setImage(operation.getImage()).build())).getImage();
            text.append(": image ").append(image.getId()).append(", ").append(Texts.bytes(image.getBytes())).append(", ").append(Texts.bytes(image.getSentBytes())).append(" sent, frozen ").append(Texts.micros(image.getFreezeMicros()));
        }
        if (operation.getOutageMicros() > 0) {
            text.append(", stood still ").append(Texts.micros(operation.getOutageMicros()));
        }
        return text.append('\n').toString();
    }
}
