package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.DurableFile;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetJobRequest;
import dev.ferry.proto.v1.GetOperationRequest;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.ListJobsRequest;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.ResumeJobRequest;
import dev.ferry.proto.v1.SuspendJobRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Suspends the jobs when {@code ferry up} stops, and lets the same ones go on when it starts again: not those that an operator suspended. */
final class StopOfJobs {
    private static final int MOST_TRIES = 5;
    /** How long another operation on a job is waited for. */
    private static final Duration LONGEST = Duration.ofMinutes(2);

    private final Client client;
    private final Path list;
    private final List<Operation> begun = new ArrayList<>();
    private final List<String> back = new ArrayList<>();

    /**
     * @param folder of all state, for the list of what is to go on
     */
    StopOfJobs(Client client, Path folder) {
        this.client = client;
        list = folder.resolve("suspended-at-stop");
    }

    /** Says what could not be suspended; the parts are stopped nevertheless: an operator asked for that. */
    void suspend() throws IOException {
        try {
            begin();
            for (Operation operation : begun) {
                tell(operation.getState() == OperationState.SUCCEEDED ? operation : Operations.toEnd(client, operation, told -> {}));
            }
        } catch (FerryException unreachable) {
            System.err.println("ferry: the jobs are not suspended and end now: " + Texts.plain(unreachable.getMessage()));
            System.err.println("  what to do: 'ferry restore JOB' after the next start lets one go on from its last image");
        }
    }

    private static void tell(Operation end) {
        if (end.getState() == OperationState.SUCCEEDED) {
            UpVerb.say("  " + end.getJob() + " is in image " + end.getImage());
        } else {
            System.err.println("ferry: job " + end.getJob() + " could not be suspended and ends now: " + Texts.plain(end.getError().getMessage()));
        }
    }

    private void begin() throws IOException {
        List<Job> jobs = client.look(stub -> stub.listJobs(ListJobsRequest.getDefaultInstance())).getJobsList();
        // Those that nothing is at work on first: the others may have to be waited for.
        for (Job job : jobs.stream().filter(StopOfJobs::ends).sorted(Comparator.comparing(job -> !job.getOperation().isEmpty())).toList()) {
            try {
                suspend(job);
            } catch (FerryException refused) {
                if (Operations.isAway(refused)) {
                    throw refused;
                }
                System.err.println("ferry: job " + job.getId() + " is not suspended: " + Texts.plain(refused.getMessage()));
            }
        }
    }

    /** What is parked lies in main memory, and would be lost with it. */
    private static boolean ends(Job job) {
        return job.getState() == JobState.RUNNING || job.getState() == JobState.PARKED;
    }

    /**
     * Asked again when the coordinator went away meanwhile, which may have begun it then. Whether an open or ended suspension
     * is of this command is known by what was at work on the job before: nothing, then it is.
     */
    private void suspend(Job listed) throws IOException {
        Job before = listed;
        for (int tries = 1; ends(before); tries++) {
            String atWork = before.getOperation();
            try {
                add(before, client.look(stub -> stub.suspendJob(SuspendJobRequest.newBuilder().setJob(listed.getId()).build())));
                return;
            } catch (FerryException refused) {
                if (Operations.isAway(refused)) {
                    throw refused;
                }
                Job now = look(listed);
                // What the coordinator has begun for us before it went away is of a later operation than what was at work then.
                Optional<Operation> open = open(now);
                boolean ours = open.filter(other -> other.getKind() == OperationKind.SUSPEND && !other.getId().equals(atWork)).isPresent();
                boolean free = before.getOperation().isEmpty();
                if (free && now.getState() == JobState.SUSPENDED) {
                    add(before, Operation.newBuilder().setJob(now.getId()).setState(OperationState.SUCCEEDED).setImage(now.getLatestImage()).build());
                    return;
                }
                if (refused.code() != ErrorCode.OPERATION_IN_PROGRESS || tries == MOST_TRIES) {
                    throw refused;
                }
                if (ours) {
                    add(before, open.orElseThrow());
                    return;
                }
                open.ifPresent(this::await);
                before = look(listed);
            }
        }
    }

    private Job look(Job listed) {
        return client.look(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(listed.getId()).build()));
    }

    private Optional<Operation> open(Job job) {
        return job.getOperation().isEmpty() ? Optional.empty() : Optional.of(client.look(stub -> stub.getOperation(GetOperationRequest.newBuilder().setOperation(job.getOperation()).build())));
    }

    private void await(Operation other) {
        System.err.println("ferry: operation " + other.getId() + " on job " + other.getJob() + " has not ended, and is waited for");
        Operation ignored =
                JobEnd.within(Optional.of(LONGEST), "Operation " + other.getId() + " on job " + other.getJob() + " has not ended within " + LONGEST.toSeconds() + " s", Operations.goesOn(other), () -> Operations.toEnd(client, other, told -> {}));
    }

    /** Into the list before it has ended: the next start looks at each, whatever becomes of this one. */
    private void add(Job before, Operation suspension) throws IOException {
        begun.add(suspension);
        if (before.getState() == JobState.RUNNING) {
            back.add(before.getId());
            DurableFile.write(list, String.join("\n", back).getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Jobs that the last stop suspended go on; those that an operator suspended stay so. */
    void resume() throws IOException {
        for (String job : DurableFile.read(list).map(content -> new String(content, StandardCharsets.UTF_8)).orElse("").lines().toList()) {
            try {
                Job now = client.ask(stub -> stub.getJob(GetJobRequest.newBuilder().setJob(job).build()));
                if (now.getState() == JobState.SUSPENDED) {
                    Operation goesOn = client.ask(stub -> stub.resumeJob(ResumeJobRequest.newBuilder().setJob(job).build()));
                    System.out.println("job " + job + " goes on (" + goesOn.getId() + ")");
                }
            } catch (FerryException stays) {
                System.err.println("ferry: job " + job + " stays suspended: " + Texts.plain(stays.getMessage()));
            }
        }
        Files.deleteIfExists(list);
    }
}
