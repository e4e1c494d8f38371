package dev.ferry.coordinator.access;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.util.Timestamps;
import dev.ferry.common.Errors;
import dev.ferry.coordinator.store.Reserve;
import dev.ferry.proto.v1.AuditEntry;
import dev.ferry.proto.v1.Operation;

/** Writes down each call that changes something, before its answer goes out. */
public final class Auditor {
    private static final int MOST_MESSAGE = 500;

    private final AuditLog log;
    private final Reserve reserve;

    /**
     * @param reserve room for calls that make room
     */
    public Auditor(AuditLog log, Reserve reserve) {
        this.log = log;
        this.reserve = reserve;
    }

    /** Called before a change is made: it is refused when it could not be recorded. */
    public void before(VerbRule rule) {
        if (rule.frees()) {
            reserve.give();
        }
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
            write(rule, entry(caller, rule, target(named, answer)).setOutcome("OK"));
        }
    }

    /** A call was refused or failed. One whose caller is not known is not written down: anybody could fill the log by such. */
    public void failed(Caller caller, VerbRule rule, String named, Throwable why) {
        if (rule.changes()) {
            String message = String.valueOf(why.getMessage());
            String outcome = Errors.detailOf(why).getCode().name();
            write(rule, entry(caller, rule, named).setOutcome(outcome).setMessage(message.substring(0, Math.min(MOST_MESSAGE, message.length()))));
        }
    }

    private void write(VerbRule rule, AuditEntry.Builder entry) {
        log.write(entry.build());
        if (rule.frees()) {
            reserve.take();
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
