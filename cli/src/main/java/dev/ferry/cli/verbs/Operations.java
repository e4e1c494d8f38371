package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.OperationView;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetImageRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.util.function.Consumer;

/** Follows an operation to its end. */
final class Operations {
    private Operations() {}

    /**
     * @return 0
     * @throws FerryException the operation's error, when it failed
     */
    static int follow(ServerOption server, Client client, Operation begun) {
        OperationView view = new OperationView(System.out, OperationView.isTerminal(), "  ");
        if (!server.json()) {
            System.out.println(begun.getId() + "  " + begun.getKind() + " of job " + begun.getJob());
        }
        Operation ended =
                toEnd(
                        client,
                        begun,
                        told -> {
                            if (!server.json()) {
                                view.show(told);
                            }
                        });
        if (ended.getState() == OperationState.FAILED_OPERATION) {
            throw new FerryException(ended.getError());
        }
        server.print(ended, () -> summary(client, ended));
        return 0;
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
