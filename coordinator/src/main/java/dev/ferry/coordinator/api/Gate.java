package dev.ferry.coordinator.api;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.access.Auditor;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.access.Credentials;
import dev.ferry.coordinator.access.Door;
import dev.ferry.coordinator.access.VerbRule;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.FromNode;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import java.util.Optional;

/**
 * Through which every call comes, over gRPC or HTTP: who it is, whether he may, whether what he names is his, and of the
 * answer only what he may see. What belongs to others is not forbidden but not there.
 */
public final class Gate {
    private static final int MOST_REQUEST = 4 << 20;

    private final Credentials credentials;
    private final StateStore store;
    private final Auditor auditor;

    public Gate(Credentials credentials, StateStore store, Auditor auditor) {
        this.credentials = credentials;
        this.store = store;
        this.auditor = auditor;
    }

    /**
     * @throws FerryException UNAUTHENTICATED, FORBIDDEN
     */
    Caller caller(VerbRule rule, Credentials.Shown shown) {
        Caller caller = credentials.identify(rule, shown);
        try {
            Credentials.requireRole(caller, rule);
        } catch (FerryException forbidden) {
            auditor.failed(caller, rule, "", forbidden);
            throw forbidden;
        }
        return caller;
    }

    /**
     * The request as it is carried out: of a caller who does not see all, with the id of what he means in the place of
     * its name, so that it can't come to mean something of another.
     *
     * @throws FerryException JOB_NOT_FOUND, IMAGE_NOT_FOUND, OPERATION_NOT_FOUND, also when it belongs to another
     */
    Message request(Caller caller, VerbRule rule, Message request) {
        requireOwnName(caller, request);
        if (rule.door() != Door.NODE && request.getSerializedSize() > MOST_REQUEST) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The request has " + request.getSerializedSize() + " bytes; at most " + MOST_REQUEST + " are taken");
        }
        auditor.before(rule);
        String named = named(rule, request);
        if (caller.seesAll() || named.isEmpty()) {
            return request;
        }
        String id = store.transact(state -> own(state, caller, rule, named));
        return request.toBuilder().setField(field(rule, request), id).build();
    }

    /** A node speaks for itself alone. */
    private static void requireOwnName(Caller caller, Message request) {
        if (request instanceof FromNode message && message.hasHello() && !caller.name().isEmpty() && !caller.name().equals(message.getHello().getNode())) {
            throw new FerryException(ErrorCode.FORBIDDEN, "The certificate is that of node '" + caller.name() + "', which can't speak for '" + message.getHello().getNode() + "'");
        }
    }

    /** What a request names, by its rule; empty: nothing. */
    static String named(VerbRule rule, Message request) {
        return rule.field().isEmpty() ? "" : (String) request.getField(field(rule, request));
    }

    private static FieldDescriptor field(VerbRule rule, Message request) {
        FieldDescriptor field = request.getDescriptorForType().findFieldByName(rule.field());
        if (field == null) {
            throw new IllegalStateException("the rule of " + rule.rpc() + " names a field that the request lacks: " + rule.field());
        }
        return field;
    }

    private static String own(Transaction state, Caller caller, VerbRule rule, String named) {
        return switch (rule.thing()) {
            case NONE -> named;
            case JOB -> JobNames.job(state, named, caller::sees).getId();
            case IMAGE -> image(state, caller, named).orElseThrow(() -> new FerryException(ErrorCode.IMAGE_NOT_FOUND, "There is no image '" + named + "'")).getId();
            case JOB_OR_IMAGE -> image(state, caller, named).map(Image::getId).orElseGet(() -> JobNames.job(state, named, caller::sees).getId());
            case OPERATION -> operation(state, caller, named).getId();
        };
    }

    private static Optional<Image> image(Transaction state, Caller caller, String id) {
        return state.image(id).filter(image -> isOwn(state, caller, image.getJob()));
    }

    private static Operation operation(Transaction state, Caller caller, String id) {
        return JobNames.operation(state, id, operation -> isOwn(state, caller, operation.getJob()));
    }

    private static boolean isOwn(Transaction state, Caller caller, String job) {
        Optional<Job> there = state.job(job);
        return there.isPresent() && caller.sees(there.get());
    }

    /**
     * Writes down that a call was carried out, and gives of its answer what the caller may see.
     *
     * @throws FerryException DISK_FULL when it can't be written down
     */
    Message answer(Caller caller, VerbRule rule, Message request, Message answer) {
        auditor.done(caller, rule, named(rule, request), answer);
        return shown(caller, rule, answer);
    }

    /** What a caller may see of an answer; for all but the first one of a stream. */
    Message shown(Caller caller, VerbRule rule, Message answer) {
        return switch (rule.door()) {
            case TOKEN -> Sight.of(caller, store).show(answer);
            case NODE, JOIN -> answer;
        };
    }

    /** Writes down that a call was refused or failed. */
    void failed(Caller caller, VerbRule rule, Message request, Throwable why) {
        auditor.failed(caller, rule, named(rule, request), why);
    }

    /**
     * Looks again whether a caller is let in, for streams that last.
     *
     * @throws FerryException UNAUTHENTICATED
     */
    void again(Caller caller) {
        credentials.require(caller);
    }
}
