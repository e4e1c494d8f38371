package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
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
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;

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

    /** How a request names a job. */
    interface Request extends Function<String, Function<FerryGrpc.FerryBlockingStub, Operation>> {}

    /**
     * Begins an operation on each of several jobs, then follows them. What is wrong with one is said, and keeps nobody from the others.
     *
     * @param waits whether another operation that is at work on a job is waited for, as {@link #begin} does
     * @return 0, or the exit status of the first that was refused or failed
     * @throws FerryException what is wrong, where there is one only
     */
    static int each(ServerOption server, Client client, List<String> jobs, boolean detach, boolean waits, Request request) {
        if (jobs.size() == 1 && !detach) {
            String job = jobs.getFirst();
            return follow(server, client, waits ? begin(client, job, request.apply(job)) : client.ask(request.apply(job)));
        }
        return new SeveralOperations(server, client, detach).run(jobs, waits && !detach, request);
    }

    /**
     * Begins an operation on a job. Another one that is at work on it is waited for, and said.
     *
     * @throws FerryException OPERATION_IN_PROGRESS when there is another one each time
     */
    static Operation begin(Client client, String job, Function<FerryGrpc.FerryBlockingStub, Operation> call) {
        return begin(client, job, () -> true, call).orElseThrow();
    }

    /**
     * As {@link #begin(Client, String, Function)}, of a job that may change while another operation is waited for.
     *
     * @param wanted is asked before every try, with how the job is then
     * @return empty: the job is not as it is wanted
     */
    static Optional<Operation> begin(Client client, String job, Predicate<Job> wanted, Function<FerryGrpc.FerryBlockingStub, Operation> call) {
        return begin(client, job, () -> wanted.test(client.look(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(job).build()))), call);
    }

    private static Optional<Operation> begin(Client client, String job, BooleanSupplier wanted, Function<FerryGrpc.FerryBlockingStub, Operation> call) {
        for (int tries = 1; ; tries++) {
            if (!wanted.getAsBoolean()) {
                return Optional.empty();
            }
            try {
                return Optional.of(client.ask(call));
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
            throw unseen(unseen, goesOn(begun));
        }
    }

    /**
     * What is thrown where something that goes on by itself can't be seen any more.
     *
     * @param goesOn where to look, in the place of what is usually advised
     */
    static FerryException unseen(FerryException why, String goesOn) {
        boolean over = isAway(why) || why.code() == ErrorCode.DEADLINE_EXCEEDED;
        return over ? new FerryException(why.detail().toBuilder().setAdvice(goesOn).build()) : why;
    }

    /** What is to be said of an operation that can't be seen any more. */
    static String goesOn(Operation begun) {
        return "operation " + begun.getId() + " goes on: 'ferry operation show " + begun.getId() + "' tells how far it is";
    }

    /** Nobody answers, though that was waited for: nothing else will be answered either. */
    static boolean isAway(FerryException error) {
        return error.code() == ErrorCode.COORDINATOR_UNREACHABLE || error.code() == ErrorCode.NOT_LEADER;
    }

    private static String summary(Client client, Operation operation) {
        StringBuilder text = new StringBuilder("done in ").append(Texts.micros((operation.getEndedAt() - operation.getStartedAt()) * 1000));
        boolean saves = operation.getStepsList().stream().anyMatch(step -> step.getName().equals("DUMP"));
        if (saves) {
            text.append(image(client, operation.getImage()));
        }
        if (operation.getOutageMicros() > 0) {
            text.append(", stood still ").append(Texts.micros(operation.getOutageMicros()));
        }
        return text.append('\n').toString();
    }

    /** Nothing where it can't be had: the operation has succeeded nevertheless, and an image may be deleted by then. */
    private static String image(Client client, String id) {
        try {
            Image image = client.look(stub -> stub.getImage(GetImageRequest.newBuilder().setImage(id).build())).getImage();
            return ": image " + image.getId() + ", " + Texts.bytes(image.getBytes()) + ", " + Texts.bytes(image.getSentBytes()) + " sent, frozen " + Texts.micros(image.getFreezeMicros());
        } catch (FerryException untold) {
            return "";
        }
    }
}
