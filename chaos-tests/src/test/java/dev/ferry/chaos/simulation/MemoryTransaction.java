package dev.ferry.chaos.simulation;

import com.google.protobuf.Message;
import dev.ferry.coordinator.JobStates;
import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.Node;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationState;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** One transaction: reads see the tables and its own writes, which reach the tables at the commit. */
final class MemoryTransaction implements Transaction {
    private static final Comparator<Job> BY_AGE = Comparator.comparingLong(Job::getSubmittedAt).thenComparing(Job::getId);

    private final MemoryTables tables;
    private final long now;
    private final Runnable fence;
    final Map<String, Job> jobs = new HashMap<>();
    final Map<String, Operation> operations = new HashMap<>();
    private final Set<String> deletedOperations = new HashSet<>();
    final Map<String, Image> images = new HashMap<>();
    final Set<String> deletedImages = new HashSet<>();
    final Map<String, Node> nodes = new HashMap<>();
    private final Map<String, Message> records = new TreeMap<>();
    private final Set<String> deletedRecords = new HashSet<>();
    final Set<String> changed = new LinkedHashSet<>();

    MemoryTransaction(MemoryTables tables, long now, Runnable fence) {
        this.tables = tables;
        this.now = now;
        this.fence = fence;
    }

    @Override
    public void requireLeader() {
        fence.run();
    }

    boolean writes() {
        return !changed.isEmpty() || !images.isEmpty() || !deletedImages.isEmpty();
    }

    void commit() {
        tables.jobs.putAll(jobs);
        tables.operations.putAll(operations);
        for (Operation operation : operations.values()) {
            if (operation.getState() == OperationState.OPEN) {
                tables.openOperations.add(operation.getId());
            } else {
                tables.openOperations.remove(operation.getId());
            }
        }
        tables.operations.keySet().removeAll(deletedOperations);
        tables.images.putAll(images);
        tables.images.keySet().removeAll(deletedImages);
        tables.nodes.putAll(nodes);
        tables.records.putAll(records);
        tables.records.keySet().removeAll(deletedRecords);
    }

    private static <T> Stream<T> merged(Map<String, T> stored, Map<String, T> own) {
        Stream<T> before = own.isEmpty() ? stored.values().stream() : stored.entrySet().stream().filter(entry -> !own.containsKey(entry.getKey())).map(Map.Entry::getValue);
        return Stream.concat(before, own.values().stream());
    }

    private static <T> Optional<T> one(Map<String, T> stored, Map<String, T> own, String id) {
        T mine = own.get(id);
        return Optional.ofNullable(mine == null ? stored.get(id) : mine);
    }

    @Override
    public long now() {
        return now;
    }

    @Override
    public Optional<Job> job(String id) {
        return one(tables.jobs, jobs, id);
    }

    @Override
    public List<Job> liveJobs() {
        return merged(tables.jobs, jobs).filter(job -> !JobStates.isEnded(job.getState())).sorted(BY_AGE).toList();
    }

    @Override
    public List<Job> allJobs() {
        return merged(tables.jobs, jobs).sorted(BY_AGE).toList();
    }

    @Override
    public List<Job> jobsLike(String prefix) {
        return merged(tables.jobs, jobs).filter(job -> job.getId().startsWith(prefix) || job.getSpec().getName().equals(prefix)).sorted(BY_AGE.reversed()).toList();
    }

    @Override
    public Job put(Job job) {
        Job written = job.toBuilder().setVersion(job.getVersion() + 1).build();
        jobs.put(job.getId(), written);
        changed.add(job.getId());
        return written;
    }

    @Override
    public List<Job> endedJobs(long before, String after, int atMost) {
        return merged(tables.jobs, jobs)
                .filter(job -> JobStates.isEnded(job.getState()) && JobStates.endedAt(job) < before && job.getId().compareTo(after) > 0 && images(job.getId()).isEmpty())
                .sorted(Comparator.comparing(Job::getId))
                .limit(atMost)
                .toList();
    }

    /** No world lasts so long that anything is forgotten. */
    @Override
    public void deleteJob(String id) {
        throw new UnsupportedOperationException("job " + id + " is deleted in a simulation");
    }

    @Override
    public Optional<Operation> operation(String id) {
        return one(tables.operations, operations, id);
    }

    @Override
    public List<Operation> openOperations() {
        List<Operation> open = new ArrayList<>();
        tables.openOperations.stream().filter(id -> !operations.containsKey(id)).map(tables.operations::get).forEach(open::add);
        operations.values().stream().filter(operation -> operation.getState() == OperationState.OPEN).forEach(open::add);
        open.sort(Comparator.comparingLong(Operation::getStartedAt).thenComparing(Operation::getId));
        return open;
    }

    @Override
    public List<Operation> operations(String job, int atMost) {
        return merged(tables.operations, operations)
                .filter(operation -> job.isEmpty() || operation.getJob().equals(job))
                .sorted(Comparator.comparingLong(Operation::getStartedAt).reversed().thenComparing(Operation::getId))
                .limit(atMost)
                .toList();
    }

    @Override
    public List<Operation> operationsBefore(String job, int newest, int atMost) {
        return operations(job, newest + atMost).stream().skip(newest).toList();
    }

    @Override
    public void deleteOperation(String id) {
        deletedOperations.add(id);
    }

    @Override
    public List<Operation> operationsLike(String prefix) {
        return merged(tables.operations, operations).filter(operation -> operation.getId().startsWith(prefix)).toList();
    }

    @Override
    public Operation put(Operation operation) {
        Operation written = operation.toBuilder().setVersion(operation.getVersion() + 1).build();
        operations.put(operation.getId(), written);
        changed.add(operation.getId());
        return written;
    }

    @Override
    public Optional<Image> image(String id) {
        return deletedImages.contains(id) ? Optional.empty() : one(tables.images, images, id);
    }

    @Override
    public List<Image> images(String job) {
        return merged(tables.images, images)
                .filter(image -> !deletedImages.contains(image.getId()) && (job.isEmpty() || image.getJob().equals(job)))
                .sorted(Comparator.comparing(Image::getJob).thenComparingLong(Image::getSequence))
                .toList();
    }

    @Override
    public void put(Image image) {
        deletedImages.remove(image.getId());
        images.put(image.getId(), image);
    }

    @Override
    public void deleteImage(String id) {
        images.remove(id);
        deletedImages.add(id);
    }

    @Override
    public Optional<Node> node(String name) {
        return one(tables.nodes, nodes, name);
    }

    @Override
    public List<Node> nodes() {
        return merged(tables.nodes, nodes).sorted(Comparator.comparing(Node::getName)).toList();
    }

    @Override
    public void put(Node node) {
        nodes.put(node.getName(), node);
        changed.add(node.getName());
    }

    @Override
    public void deleteNode(String name) {
        throw new UnsupportedOperationException("node " + name + " is deleted in a simulation");
    }

    @Override
    public <T extends Message> Optional<T> record(RecordKind<T> kind, String id) {
        String key = kind.changeKey(id);
        return deletedRecords.contains(key) ? Optional.empty() : one(tables.records, records, key).map(record -> as(kind, record));
    }

    /** What is under a kind's key was put there as one of that kind. */
    @SuppressWarnings("unchecked")
    private static <T extends Message> T as(RecordKind<T> kind, Message record) {
        return (T) record;
    }

    private <T extends Message> Stream<T> records(RecordKind<T> kind) {
        String prefix = kind.changeKey("");
        Map<String, Message> all = new TreeMap<>(tables.records);
        all.putAll(records);
        all.keySet().removeAll(deletedRecords);
        return all.entrySet().stream().filter(entry -> entry.getKey().startsWith(prefix)).map(entry -> as(kind, entry.getValue()));
    }

    @Override
    public <T extends Message> List<T> records(RecordKind<T> kind, RecordQuery wanted) {
        Comparator<T> order = Comparator.comparingLong(kind.sort()).thenComparing(kind.id());
        return records(kind)
                .filter(record -> wanted.parent().map(kind.parent().apply(record)::equals).orElse(true))
                .filter(record -> kind.sort().applyAsLong(record) >= wanted.from() && kind.sort().applyAsLong(record) < wanted.before())
                .sorted(wanted.descending() ? order.reversed() : order)
                .limit(wanted.atMost())
                .toList();
    }

    @Override
    public <T extends Message> void put(RecordKind<T> kind, T record) {
        String key = kind.changeKey(kind.id().apply(record));
        deletedRecords.remove(key);
        records.put(key, record);
        changed.add(key);
    }

    @Override
    public void delete(RecordKind<?> kind, String id) {
        String key = kind.changeKey(id);
        records.remove(key);
        deletedRecords.add(key);
        changed.add(key);
    }

    @Override
    public int deleteBefore(RecordKind<?> kind, long sort) {
        return deleteOld(kind, sort);
    }

    private <T extends Message> int deleteOld(RecordKind<T> kind, long sort) {
        List<T> old = records(kind).filter(record -> kind.sort().applyAsLong(record) < sort).toList();
        old.forEach(record -> delete(kind, kind.id().apply(record)));
        return old.size();
    }
}
