package dev.ferry.coordinator.api;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Node;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Takes out of an answer what its caller may not see, by the shape of the messages and not verb by verb, so that a new
 * verb can't forget it: entries of a list that are jobs or name one in a field {@code job}, ids of jobs on a node, and
 * for a viewer the values of environment variables, which often are secrets.
 */
final class Sight {
    private static final String HIDDEN = "***";

    private final Caller caller;
    private final StateStore store;
    private final Map<String, Boolean> seen = new HashMap<>();

    private Sight(Caller caller, StateStore store) {
        this.caller = caller;
        this.store = store;
    }

    static Sight of(Caller caller, StateStore store) {
        return new Sight(caller, store);
    }

    Message show(Message answer) {
        return caller.seesAll() && caller.seesContent() ? answer : part(answer);
    }

    private Message part(Message message) {
        if (message instanceof JobSpec spec) {
            return caller.seesContent() ? spec : hideValues(spec);
        }
        if (message instanceof Node node) {
            return node.toBuilder().clearJobs().addAllJobs(node.getJobsList().stream().filter(this::sees).toList()).build();
        }
        Message.Builder shown = message.toBuilder();
        for (Map.Entry<FieldDescriptor, Object> entry : message.getAllFields().entrySet()) {
            FieldDescriptor field = entry.getKey();
            if (field.getJavaType() != FieldDescriptor.JavaType.MESSAGE || field.isMapField()) {
                continue;
            }
            if (field.isRepeated()) {
                List<?> all = (List<?>) entry.getValue();
                shown.clearField(field);
                all.stream().map(Message.class::cast).filter(this::isVisible).map(this::part).forEach(element -> shown.addRepeatedField(field, element));
            } else {
                shown.setField(field, part((Message) entry.getValue()));
            }
        }
        return shown.build();
    }

    private static JobSpec hideValues(JobSpec spec) {
        JobSpec.Builder hidden = spec.toBuilder();
        spec.getEnvironmentMap().keySet().forEach(name -> hidden.putEnvironment(name, HIDDEN));
        return hidden.build();
    }

    private boolean isVisible(Message element) {
        if (element instanceof Job job) {
            return caller.sees(job);
        }
        FieldDescriptor job = element.getDescriptorForType().findFieldByName("job");
        boolean namesOne = job != null && job.getJavaType() == FieldDescriptor.JavaType.STRING && !job.isRepeated();
        return !namesOne || sees((String) element.getField(job));
    }

    private boolean sees(String job) {
        return caller.seesAll() || Objects.requireNonNull(seen.computeIfAbsent(job, this::look));
    }

    private boolean look(String job) {
        Optional<Job> there = store.transact(state -> state.job(job));
        return there.isPresent() && caller.sees(there.get());
    }
}
