package dev.ferry.coordinator.scheduling;

import dev.ferry.coordinator.accounts.AccountBook;
import dev.ferry.coordinator.accounts.JobTres;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.Limits;
import dev.ferry.proto.v1.Partition;
import dev.ferry.proto.v1.Qos;
import dev.ferry.scheduling.tres.Tres;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Limits of accounts, users, QoS and partitions. Jobs are let in one after the other, by priority; what is let in counts as running for those behind it, whether or not it finds room, so that no
 * limit is ever broken.
 */
final class LimitCheck {
    private final AccountBook book;
    private final Map<String, Holding> holdings = new HashMap<>();

    LimitCheck(AccountBook book) {
        this.book = book;
    }

    /** What is held below one limit. */
    private static final class Holding {
        private int jobs;
        private final Map<String, Long> tres = new TreeMap<>();

        void add(Tres more) {
            jobs++;
            more.forEach((name, amount) -> tres.merge(name, amount, Long::sum));
        }

        long of(String name) {
            return tres.getOrDefault(name, 0L);
        }
    }

    /** Where limits come from: an association on the way to the root, or a QoS. */
    private record Scope(String name, Limits limits) {}

    private List<Scope> scopes(JobQueue queue) {
        List<Scope> scopes = new ArrayList<>();
        for (Association one : book.path(queue.getAccount(), queue.getUser())) {
            scopes.add(new Scope(one.getUser().isEmpty() ? "account " + one.getAccount() : "user " + one.getUser() + " in account " + one.getAccount(), one.getLimits()));
        }
        Qos qos = book.qos(queue.getQos());
        scopes.add(new Scope("QoS " + qos.getName(), qos.getLimits()));
        return scopes;
    }

    private Holding holding(String scope) {
        return holdings.computeIfAbsent(scope, name -> new Holding());
    }

    private static String ofUser(Scope scope, JobQueue queue) {
        return scope.name() + ", user " + queue.getUser();
    }

    /** A job that holds room, or is let in. */
    void holds(Job job) {
        Tres tres = JobTres.of(job.getSpec());
        for (Scope scope : scopes(job.getQueue())) {
            holding(scope.name()).add(tres);
            holding(ofUser(scope, job.getQueue())).add(tres);
        }
    }

    /**
     * Whether a job may be let in now; whoever then lets it in says so by {@link #holds}.
     *
     * @return the limit that forbids it, for people; empty: it may
     */
    Optional<String> forbids(Job job) {
        Tres tres = JobTres.of(job.getSpec());
        JobQueue queue = job.getQueue();
        Partition partition = book.partition(queue.getPartition());
        Optional<String> tooLong = tooLong(job, "MaxTime", "partition " + partition.getName(), partition.hasMaxTimeSeconds() ? partition.getMaxTimeSeconds() : -1);
        if (tooLong.isPresent()) {
            return tooLong;
        }
        for (Scope scope : scopes(queue)) {
            Optional<String> refusal = refusal(job, scope, tres);
            if (refusal.isPresent()) {
                return refusal;
            }
        }
        return Optional.empty();
    }

    /**
     * Lets a job in, if it may.
     *
     * @return as {@link #forbids}
     */
    Optional<String> admit(Job job) {
        Optional<String> forbidden = forbids(job);
        if (forbidden.isEmpty()) {
            holds(job);
        }
        return forbidden;
    }

    private Optional<String> refusal(Job job, Scope scope, Tres tres) {
        Limits limits = scope.limits();
        Holding all = holding(scope.name());
        Holding ofUser = holding(ofUser(scope, job.getQueue()));
        return tooLong(job, "MaxWall", scope.name(), limits.hasMaxWallSeconds() ? limits.getMaxWallSeconds() : -1)
                .or(() -> tooMuch("MaxTRES", scope, limits.getMaxTresPerJob(), new Holding(), tres))
                .or(() -> tooMuch("GrpTRES", scope, limits.getGrpTres(), all, tres))
                .or(() -> tooMuch("MaxTRESPerUser", scope, limits.getMaxTresPerUser(), ofUser, tres))
                .or(() -> tooMany("GrpJobs", scope, limits.hasGrpJobs() ? limits.getGrpJobs() : -1, all))
                .or(() -> tooMany("MaxJobs", scope, limits.hasMaxJobs() ? limits.getMaxJobs() : -1, ofUser));
    }

    private static Optional<String> tooLong(Job job, String limit, String scope, long most) {
        long asked = job.getSpec().getTimeLimitSeconds();
        if (most < 0 || asked > 0 && asked <= most) {
            return Optional.empty();
        }
        return Optional.of(limit + "=" + most + "s of " + scope + ": the job " + (asked == 0 ? "has no time limit" : "asks for " + asked + "s"));
    }

    private static Optional<String> tooMuch(String limit, Scope scope, String most, Holding held, Tres tres) {
        String[] found = {""};
        Tres.parse(most)
                .forEach(
                        (name, amount) -> {
                            if (tres.get(name) > 0 && held.of(name) + tres.get(name) > amount) {
                                found[0] = limit + " " + name + "=" + amount + " of " + scope.name() + (tres.get(name) > amount ? ": the job alone asks for " + tres.get(name) : " is reached");
                            }
                        });
        return Optional.of(found[0]).filter(text -> !text.isEmpty());
    }

    private static Optional<String> tooMany(String limit, Scope scope, int most, Holding held) {
        return most >= 0 && held.jobs >= most ? Optional.of(limit + "=" + most + " of " + scope.name() + " is reached") : Optional.empty();
    }
}
