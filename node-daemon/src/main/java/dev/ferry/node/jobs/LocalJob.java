package dev.ferry.node.jobs;

import dev.ferry.node.cgroup.JobCgroup;
import dev.ferry.node.journal.Journal;
import dev.ferry.node.sandbox.JobFolder;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.node.sandbox.RootPlan;
import dev.ferry.proto.v1.JobJournal;
import dev.ferry.proto.v1.JobReport;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.LocalState;
import dev.ferry.proto.v1.OnPartition;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One job as this node holds it: its record, its folder, its control group. */
final class LocalJob {
    private static final Logger LOG = LoggerFactory.getLogger(LocalJob.class);

    private final NodeContext context;
    private final String id;
    private final Journal journal;
    private final JobFolder folder;
    private final JobCgroup.Hold hold;
    /** The life that shall not run here, also while the journal can't be written; 0: none. */
    private volatile long heldLife;
    private @Nullable FilledMemory filled;
    private boolean closed;

    LocalJob(NodeContext context, String id, Journal journal, JobFolder folder) {
        this.context = context;
        this.id = id;
        this.journal = journal;
        this.folder = folder;
        hold = this::isHeld;
    }

    NodeContext context() {
        return context;
    }

    String id() {
        return id;
    }

    JobFolder folder() {
        return folder;
    }

    /** Memory that waits here for a restore. */
    synchronized Optional<FilledMemory> filled() {
        return Optional.ofNullable(filled);
    }

    /** For {@link #takeFilled} or {@link #giveBackMemory}. */
    synchronized void hold(FilledMemory memory) {
        filled = memory;
        if (closed) {
            closeFilled();
        }
    }

    /** The daemon ends: only the criu is ended that holds memory, at once. The next daemon clears the rest, beside whatever the queue is still at. */
    synchronized void closeFilled() {
        closed = true;
        FilledMemory held = filled;
        if (held != null) {
            Failures.guarded(this, "ending the criu that holds memory", held::close);
        }
    }

    /** Whoever takes it gives it back, or makes a life of it. */
    synchronized Optional<FilledMemory> takeFilled() {
        Optional<FilledMemory> taken = filled();
        filled = null;
        return taken;
    }

    /** Of no restore any more. */
    void giveBackMemory() {
        takeFilled().ifPresent(memory -> memory.giveBack(this));
    }

    /** One that goes on without a lease lives where the end of the lease freezes nothing. */
    JobCgroup cgroup() {
        boolean goesOn = journal.get().getSpec().getOnPartition() == OnPartition.CONTINUE_ON_PARTITION;
        return new JobCgroup(context.layout(), (goesOn ? continuing(context.cgroup()) : context.cgroup()) + "/" + id, hold);
    }

    /** Control group of a node's jobs that run on when its lease has ended, beside that of the others. */
    static String continuing(String cgroup) {
        return cgroup + ".continue";
    }

    JobJournal record() {
        return journal.get();
    }

    LocalState state() {
        return journal.get().getState();
    }

    /** Whether a job in this state has a process here that runs or can go on. */
    static boolean isLive(LocalState state) {
        return state == LocalState.LOCAL_RUNNING || state == LocalState.LOCAL_FROZEN || state == LocalState.LOCAL_PARKED;
    }

    JobJournal change(Consumer<JobJournal.Builder> change) {
        return journal.change(change);
    }

    /** The coordinator has said whether the life that is here may run. */
    void setHeld(boolean held) {
        heldLife = held ? record().getIncarnation() : 0;
        change(record -> record.setHeld(held));
    }

    /** Whether the life that is here shall not run. */
    boolean isHeld() {
        JobJournal record = record();
        return record.getHeld() || heldLife != 0 && heldLife == record.getIncarnation();
    }

    /** As {@link #change}, for what can wait, or can't be done anyway, while the disk is full. */
    JobJournal changeInFreeRoom(Consumer<JobJournal.Builder> change) {
        return journal.changeInFreeRoom(change);
    }

    /** A change of state with its time. */
    JobJournal enter(LocalState state, Consumer<JobJournal.Builder> more) {
        return journal.change(
                record -> {
                    record.setState(state).setSince(System.currentTimeMillis());
                    more.accept(record);
                });
    }

    /** The sandbox's first process, as recorded; empty before there was one. */
    Optional<JobProcess> process() {
        JobJournal record = journal.get();
        return record.getPid() == 0
                ? Optional.empty()
                : Optional.of(new JobProcess(record.getPid(), record.getStartTime(), record.getBootId()));
    }

    boolean isAlive() throws IOException {
        Optional<JobProcess> process = process();
        return process.isPresent() && process.get().isAlive();
    }

    /** A life begins; its log is its own from here on. */
    static void setProcess(JobJournal.Builder record, JobProcess process) {
        record.setLogIncarnation(record.getIncarnation());
        record.setPid(process.pid()).setStartTime(process.startTime()).setBootId(process.bootId());
    }

    RootPlan plan(JobSpec spec) throws IOException {
        return GpuFilePlaces.add(RootPlan.of(spec, folder, context.policy().hidden()), journal.get().getGpuFilesList());
    }

    /** The name that runc and CRIU's folders know this life by. */
    String runName() {
        return context.cgroup().replace('/', '-') + "-" + id;
    }

    JobReport report() {
        JobJournal record = journal.get();
        JobReport.Builder report =
                JobReport.newBuilder()
                        .setJob(id)
                        .setIncarnation(record.getIncarnation())
                        .setState(record.getState())
                        .setSince(record.getSince())
                        .setDetail(record.getDetail());
        if (record.hasExitStatus()) {
            report.setExitStatus(record.getExitStatus());
        }
        return report.build();
    }

    /** Removes everything of an earlier life but the record and the parts of logs that were cut off. */
    void clearFolder() throws IOException {
        for (Path entry : ofAnEarlierLife()) {
            Trees.delete(entry);
        }
    }

    private List<Path> ofAnEarlierLife() throws IOException {
        if (!Files.isDirectory(folder.path())) {
            return List.of();
        }
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder.path())) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (!Journal.isItsFile(name) && !name.startsWith(JobFolder.LOG_CUT)) {
                    found.add(entry);
                }
            }
        }
        return found;
    }

    /** Whether nothing is here that {@link #clearFolder} and {@link #releaseKernel} would remove. */
    boolean isCleared() {
        try {
            return !cgroup().exists() && ofAnEarlierLife().isEmpty();
        } catch (IOException unclear) {
            return false;
        }
    }

    /** Removes the folder with all that is in it, the record last: whoever is killed in between finds in it what is to be done. */
    void erase() throws IOException {
        Path path = folder.path();
        if (Files.isDirectory(path)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(path, entry -> !Journal.isItsFile(entry.getFileName().toString()))) {
                for (Path entry : entries) {
                    Trees.delete(entry);
                }
            }
        }
        journal.erase();
        try {
            Trees.delete(path);
        } catch (IOException left) {
            // A folder without a record is nobody's; what came into it meanwhile does not bring the job back.
            LOG.warn("job {}: its empty folder {} can't be removed: {}", id, path, left.toString());
        }
    }

    /** The control group and runc's record go when no process is left. */
    void releaseKernel() throws IOException, InterruptedException {
        context.sandbox().forget(runName(), folder);
        cgroup().remove();
    }
}
