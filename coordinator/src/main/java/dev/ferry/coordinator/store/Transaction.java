package dev.ferry.coordinator.store;

import com.google.protobuf.Message;
import dev.ferry.common.Clock;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import java.util.List;
import java.util.Optional;

/** What can be read and written in one transaction. */
public interface Transaction {
    /** Milliseconds since 1970, UTC, as records give them. For people: nothing is decided by it, the clock may jump. */
    default long now() {
        return Clock.SYSTEM.millis();
    }

    /**
     * Fails if another coordinator leads by now. Each write does so by itself; a transaction that only reads succeeds also for one
     * that was deposed, and must not be taken for the word that it leads.
     */
    void requireLeader();

    Optional<Job> job(String id);

    /** Jobs that have not ended, by age. They are kept from one transaction to the next: to ask again costs little. */
    List<Job> liveJobs();

    /** All jobs, by age. */
    List<Job> allJobs();

    /** Jobs whose name or id begins so. */
    List<Job> jobsLike(String prefix);

    /** Writes a job; its version is raised by one. */
    Job put(Job job);

    /**
     * Jobs that have ended and have no image in the catalogue, by id. What this costs follows how many of them ended long ago, not how many jobs there are.
     *
     * @param before only those that ended before it ({@link dev.ferry.coordinator.JobStates#endedAt}), and those that were written last by a Ferry that did not note it
     * @param after only those with a larger id; empty: all
     */
    List<Job> endedJobs(long before, String after, int atMost);

    /** Deletes a job with all its operations; its images are left. */
    void deleteJob(String id);

    Optional<Operation> operation(String id);

    /** Operations that have not ended, by age. They are kept from one transaction to the next: to ask again costs little. */
    List<Operation> openOperations();

    /**
     * Operations, the newest first.
     *
     * @param job only on this job; empty: on all
     */
    List<Operation> operations(String job, int atMost);

    /**
     * Operations on a job that are older than its newest ones, the newest of them first.
     *
     * @param newest how many of those are passed over
     */
    List<Operation> operationsBefore(String job, int newest, int atMost);

    /** Operations whose id begins so. */
    List<Operation> operationsLike(String prefix);

    /** Writes an operation; its version is raised by one. */
    Operation put(Operation operation);

    /** Deletes an operation that has ended. */
    void deleteOperation(String id);

    Optional<Image> image(String id);

    /**
     * Images in the order of their sequence.
     *
     * @param job only of this job; empty: of all
     */
    List<Image> images(String job);

    void put(Image image);

    void deleteImage(String id);

    Optional<Node> node(String name);

    /** By name; kept as {@link #liveJobs} are. */
    List<Node> nodes();

    void put(Node node);

    void deleteNode(String name);

    /** A record of a kind that is kept in the table for all such kinds. */
    <T extends Message> Optional<T> record(RecordKind<T> kind, String id);

    /** Those records of a kind that are wanted, in the order that is wanted. */
    <T extends Message> List<T> records(RecordKind<T> kind, RecordQuery wanted);

    /** Writes a record, in the place of the one with its id. */
    <T extends Message> void put(RecordKind<T> kind, T record);

    /** Writes many records of a kind; the database is asked once. */
    default <T extends Message> void putAll(RecordKind<T> kind, List<T> records) {
        records.forEach(record -> put(kind, record));
    }

    void delete(RecordKind<?> kind, String id);

    /**
     * Deletes what is old.
     *
     * @param sort the smallest one that stays
     * @return how many were deleted
     */
    int deleteBefore(RecordKind<?> kind, long sort);
}
