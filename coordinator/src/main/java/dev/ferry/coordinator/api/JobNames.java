package dev.ferry.coordinator.api;

import dev.ferry.common.FerryException;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Operation;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** Finds what a user means: a name, an id, or the begin of an id. */
final class JobNames {
    private JobNames() {}

    /**
     * @throws FerryException JOB_NOT_FOUND, AMBIGUOUS_NAME
     */
    static Job job(Transaction state, String name) {
        return job(state, name, job -> true);
    }

    /**
     * A job that was there a moment ago.
     *
     * @throws FerryException JOB_NOT_FOUND when it was deleted meanwhile
     */
    static Job known(Transaction state, String id) {
        return state.job(id).orElseThrow(() -> new FerryException(ErrorCode.JOB_NOT_FOUND, "Job " + id + " was deleted meanwhile"));
    }

    /** The same among those that the caller sees. */
    static Job job(Transaction state, String name, Predicate<Job> seen) {
        if (name.isEmpty()) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "A job's name or id is missing");
        }
        Optional<Job> exact = state.job(name).filter(seen);
        if (exact.isPresent()) {
            return exact.get();
        }
        List<Job> found = state.jobsLike(name).stream().filter(seen).toList();
        List<Job> live = found.stream().filter(job -> job.getSpec().getName().equals(name) && !JobStates.isEnded(job.getState())).toList();
        if (live.size() == 1) {
            return live.getFirst();
        }
        // Of ended jobs of one name the last one is meant.
        Optional<Job> lastOfName = found.stream().filter(job -> job.getSpec().getName().equals(name)).findFirst();
        if (live.isEmpty() && lastOfName.isPresent()) {
            return lastOfName.get();
        }
        if (found.isEmpty()) {
            throw new FerryException(ErrorCode.JOB_NOT_FOUND, "There is no job '" + name + "'");
        }
        if (found.size() > 1) {
            throw new FerryException(ErrorCode.AMBIGUOUS_NAME, "'" + name + "' fits " + String.join(", ", found.stream().map(Job::getId).toList()));
        }
        return found.getFirst();
    }

    /**
     * @throws FerryException OPERATION_NOT_FOUND, AMBIGUOUS_NAME
     */
    static Operation operation(Transaction state, String id) {
        return operation(state, id, operation -> true);
    }

    /** The same among those that the caller sees. */
    static Operation operation(Transaction state, String id, Predicate<Operation> seen) {
        Optional<Operation> exact = state.operation(id).filter(seen);
        if (exact.isPresent()) {
            return exact.get();
        }
        List<Operation> found = id.isEmpty() ? List.of() : state.operationsLike(id).stream().filter(seen).toList();
        if (found.isEmpty()) {
            throw new FerryException(ErrorCode.OPERATION_NOT_FOUND, "There is no operation '" + id + "'");
        }
        if (found.size() > 1) {
            throw new FerryException(ErrorCode.AMBIGUOUS_NAME, "'" + id + "' fits " + String.join(", ", found.stream().map(Operation::getId).toList()));
        }
        return found.getFirst();
    }
}
