package dev.ferry.coordinator.access;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.util.Timestamps;
import dev.ferry.common.Errors;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.Operation;

/** Writes down each call that changes something, before its answer goes out. */
public final class Auditor {
    private static final int MOST_MESSAGE = 500;

    private final AuditLog log;

    public Auditor(AuditLog log) {
        this.log = log;
    }

    /** Called before a change is made: it is refused when it could not be recorded. */
    public void before(VerbRule rule) {
        if (rule.changes()) {
            log.requireWritable();
        }
    }

    /**
     * A call was carried out.
     *
     * @param named what its request names; empty: nothing
     */
    public void done(Caller caller, VerbRule rule, String named, Message answer) {
        if (rule.changes()) {
            log.write(entry(caller, rule, target(named, answer)).setOutcome("OK").build());
        }
    }

    /** A call was refused or failed. One whose caller is not known is not written down: anybody could fill the log by such. */
    public void failed(Caller caller, VerbRule rule, String named, Throwable why) {
        if (rule.changes()) {
            String message = String.valueOf(why.getMessage());
            String outcome = Errors.detailOf(why).getCode().name();
            log.write(entry(caller, rule, named).setOutcome(outcome).setMessage(message.substring(0, Math.min(MOST_MESSAGE, message.length()))).build());
        }
    }

    private static AuditEntry.Builder entry(Caller caller, VerbRule rule, String target) {
        return AuditEntry.newBuilder()
                .setAt(Timestamps.now())
                .setCaller(caller.name())
                .setRole(caller.role())
                .setOwner(caller.owner())
                .setFrom(caller.from())
                .setVerb(rule.rpc())
                .setTarget(target.substring(0, Math.min(MOST_MESSAGE, target.length())));
    }

    /** Ids rather than the names that were given: those may come to mean something else. */
    private static String target(String named, Message answer) {
        if (answer instanceof Operation operation) {
            return operation.getJob();
        }
        String id = id(answer);
        return id.isEmpty() ? named : id;
    }

    private static String id(Message answer) {
        FieldDescriptor id = answer.getDescriptorForType().findFieldByName("id");
        if (id != null && id.getJavaType() == FieldDescriptor.JavaType.STRING) {
            return (String) answer.getField(id);
        }
        return answer.getAllFields().values().stream().filter(Message.class::isInstance).map(part -> id((Message) part)).filter(inner -> !inner.isEmpty()).findFirst().orElse("");
    }
}
