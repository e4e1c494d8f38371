package dev.ferry.coordinator.accounts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.coordinator.store.SqliteStateStore;
import dev.ferry.coordinator.store.StateStore;
import dev.ferry.proto.v1.Image;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.JobState;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Operation;
import dev.ferry.proto.v1.OperationKind;
import dev.ferry.proto.v1.OperationState;
import dev.ferry.proto.v1.Partition;
import dev.ferry.proto.v1.Step;
import dev.ferry.proto.v1.StepState;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.usage.Decay;
import dev.ferry.scheduling.usage.Extended;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is counted of a job's life, and what becomes of it. */
class MeteringTest {
    private static final SchedulingConfig CONFIG = SchedulingConfig.defaults();
    private static final Decay DECAY = CONFIG.decay();
    /** 2 CPUs and 1 GiB: 2 * 1.0 + 1 * 0.25. */
    private static final double RATE = 2.25;

    @TempDir Path folder;
    private StateStore store;
    private TimedStore timed;

    @BeforeEach
    void open() throws Exception {
        store = SqliteStateStore.open(folder);
        timed = new TimedStore(store);
    }

    @AfterEach
    void close() {
        store.close();
    }

    private Job job(JobState state) {
        return Job.newBuilder()
                .setId("j-one")
                .setSpec(JobSpec.newBuilder().setCpuMillis(2000))
                .setState(state)
                .setIncarnation(1)
                .setSubmittedAt(1000)
                .setQueue(JobQueue.newBuilder().setAccount("default").setUser("root").setQos("normal").setPartition("default"))
                .build();
    }

    private static Operation operation(String id, OperationKind kind, OperationState state, Step... steps) {
        return Operation.newBuilder().setId(id).setJob("j-one").setKind(kind).setState(state).setStartedAt(steps[0].getStartedAt()).addAllSteps(List.of(steps)).build();
    }

    private static Step step(String name, long from, long to) {
        return Step.newBuilder().setName(name).setStartedAt(from).setEndedAt(to).setState(to == 0 ? StepState.STEP_OPEN : StepState.STEP_DONE).build();
    }

    private void put(Job job, Operation... operations) {
        store.transact(
                state -> {
                    Job before = state.job(job.getId()).orElse(job);
                    for (Operation operation : operations) {
                        Operation ignored = state.put(operation);
                    }
                    return state.put(job.toBuilder().setVersion(before.getVersion()).build());
                });
    }

    private JobUse look(long at, boolean tick) {
        return timed.at(at)
                .transact(
                        state -> {
                            Metering.look(state, CONFIG, tick);
                            return Metering.use(state, "j-one");
                        });
    }

    private Extended usage() {
        return store.transact(
                state -> {
                    AccountTree tree = AccountTree.of(List.of(
                            new dev.ferry.scheduling.accounts.Association(1, 0, "root", null, 1, null),
                            new dev.ferry.scheduling.accounts.Association(2, 1, "default", null, 1, null),
                            new dev.ferry.scheduling.accounts.Association(3, 2, "default", "root", 1, null)));
                    return UsageLedger.table(state, tree).of(2);
                });
    }

    @Test
    void useIsThatOfTheTicksToTheLastBitAlsoOverARestart() throws Exception {
        JobUse ignored = look(0, true);
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        ignored = look(2020, false);
        ignored = look(62_000, true);
        store.close();
        open();
        ignored = look(122_500, true);
        JobUse use = look(182_000, true);
        // 60 s, 60 s with half a second carried, 60 s; the first tick is at 0 and so no tick at all.
        Extended expected = Extended.ZERO;
        for (double between : new double[] {62.0, 60.5, 59.5}) {
            expected = expected.times(Extended.of(DECAY.after(between))).plus(Extended.of(DECAY.newUsage(60, RATE, 1)));
        }
        assertThat(usage()).isEqualTo(expected);
        assertThat(use.getRunningSeconds()).isEqualTo(180);
        assertThat(use.getBilled()).isEqualTo(180 * RATE);
    }

    @Test
    void theTimeInWhichAJobIsMovedIsNotBilled() {
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        JobUse ignored = look(2020, false);
        put(job(JobState.RUNNING).toBuilder().setOperation("op-2").build(), operation("op-2", OperationKind.SUSPEND, OperationState.OPEN, step("DUMP", 32_000, 0)));
        ignored = look(40_000, true);
        put(job(JobState.SUSPENDED).toBuilder().setLatestImage("j-one.1").build(), operation("op-2", OperationKind.SUSPEND, OperationState.SUCCEEDED, step("DUMP", 32_000, 50_000), step("KILL", 50_100, 50_200)));
        JobUse stored = look(50_220, false);
        assertThat(stored.getRunningSeconds()).isEqualTo(30);
        assertThat(stored.getSaveMillis()).isEqualTo(18_000);
        put(job(JobState.RUNNING).toBuilder().setIncarnation(2).setLatestImage("j-one.1").build(), operation("op-3", OperationKind.RESUME, OperationState.SUCCEEDED, step("RESERVE", 100_000, 100_010), step("RESTORE", 100_020, 110_020)));
        JobUse back = look(120_020, true);
        assertThat(back.getRunningSeconds()).isEqualTo(30);
        assertThat(back.getRestoreMillis()).isEqualTo(10_000);
        assertThat(look(130_020, true).getRunningSeconds()).isEqualTo(50);
    }

    @Test
    void aJobIsBilledUntilItsOwnEndAndNotUntilSomebodyLooks() {
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        JobUse ignored = look(2020, false);
        put(job(JobState.EXITED).toBuilder().setEndedAt(12_000).build());
        JobUse use = look(99_000, false);
        assertThat(use.getRunningSeconds()).isEqualTo(10);
        assertThat(use.getEnded()).isTrue();
        assertThat(look(160_000, true)).isEqualTo(use);
    }

    /** The job was saved from second 10 on and stood still for 4 s of that. */
    private void putCheckpoint() {
        store.transact(
                state -> {
                    state.put(Image.newBuilder().setId("j-one.1").setJob("j-one").setIncarnation(1).setFreezeMicros(4_000_000).build());
                    return true;
                });
        put(job(JobState.RUNNING).toBuilder().setLatestImage("j-one.1").build(), operation("op-2", OperationKind.CHECKPOINT, OperationState.SUCCEEDED, step("DUMP", 10_000, 15_000), step("COMMIT", 15_000, 15_001)));
    }

    @Test
    void theFreezeOfACheckpointIsNotBilled() {
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        JobUse ignored = look(2020, false);
        putCheckpoint();
        assertThat(look(22_000, true).getRunningSeconds()).isEqualTo(16);
        assertThat(look(32_000, true).getRunningSeconds()).isEqualTo(26);
    }

    /** Somebody waits in the queue, so that all jobs are looked at each second. */
    @Test
    void theFreezeOfACheckpointIsNotBilledHoweverOftenSomebodyLooks() {
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        JobUse ignored = look(2020, false);
        put(job(JobState.RUNNING).toBuilder().setOperation("op-2").build(), operation("op-2", OperationKind.CHECKPOINT, OperationState.OPEN, step("DUMP", 10_000, 0)));
        ignored = look(14_900, false);
        putCheckpoint();
        JobUse after = look(15_100, false);
        assertThat(after.getRunningSeconds()).as("what was billed stays billed").isEqualTo(12);
        assertThat(after.getCarriedMillis()).as("and is made up for").isEqualTo(-2900);
        assertThat(look(22_000, true).getRunningSeconds()).isEqualTo(16);
        put(job(JobState.EXITED).toBuilder().setLatestImage("j-one.1").setEndedAt(24_000).build());
        assertThat(look(25_000, false).getRunningSeconds()).isEqualTo(18);
    }

    /** Also its time limit counts all that it has run. */
    @Test
    void aJobThatIsBroughtBackAfterItsEndGoesOnWithWhatItHadUsed() {
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        JobUse ignored = look(2020, false);
        put(job(JobState.EXITED).toBuilder().setEndedAt(12_000).build());
        JobUse ended = look(13_000, false);
        put(job(JobState.RESTORING).toBuilder().setIncarnation(2).setOperation("op-2").build(), operation("op-2", OperationKind.RESTORE, OperationState.OPEN, step("RESTORE", 99_000, 0)));
        JobUse back = look(100_000, true);
        assertThat(back.getRunningSeconds()).isEqualTo(ended.getRunningSeconds()).isEqualTo(10);
        assertThat(back.getBilled()).isEqualTo(10 * RATE);
        assertThat(back.getWaitingMillis()).as("the time between its lives is in no rung").isEqualTo(ended.getWaitingMillis());
        assertThat(back.getMovingMillis()).isZero();
        put(job(JobState.RUNNING).toBuilder().setIncarnation(2).build(), operation("op-2", OperationKind.RESTORE, OperationState.SUCCEEDED, step("RESTORE", 99_000, 102_000)));
        ignored = look(102_500, false);
        JobUse runs = look(112_000, true);
        assertThat(runs.getRunningSeconds()).isEqualTo(20);
        assertThat(runs.getMovingMillis()).isEqualTo(2500);
        assertThat(runs.getEnded()).isFalse();
    }

    /** Looks at many jobs are seconds apart, and a coordinator that takes over has not looked before. */
    @Test
    void aJobThatBeganAndEndedBetweenTwoLooksIsBilled() {
        put(job(JobState.PENDING));
        JobUse ignored = look(1020, false);
        put(job(JobState.EXITED).toBuilder().setEndedAt(12_000).build(), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        JobUse use = look(13_000, false);
        assertThat(use.getRunningSeconds()).isEqualTo(10);
        assertThat(use.getEnded()).isTrue();
        assertThat(look(99_000, true)).isEqualTo(use);
    }

    @Test
    void aStepOfTheClockIsNoRunningTimeAndForgetsNoUse() {
        JobUse ignored = look(1000, true);
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        ignored = look(2020, false);
        ignored = look(62_000, true);
        Extended before = usage();
        stepClock(9_000_000);
        JobUse ahead = look(9_062_000, true);
        assertThat(ahead.getRunningSeconds()).isEqualTo(60);
        assertThat(usage()).isEqualTo(before);
        assertThat(look(9_072_000, false)).isEqualTo(ahead);
        stepClock(-9_000_000);
        JobUse back = look(82_000, true);
        assertThat(back.getRunningSeconds()).isEqualTo(80);
        assertThat(back.getRunningSince()).isEqualTo(2000);
    }

    private void stepClock(long millis) {
        timed.transact(
                state -> {
                    Metering.step(state, millis);
                    return true;
                });
    }

    @Test
    void eachRungHasItsTime() {
        put(job(JobState.PENDING));
        JobUse ignored = look(1020, false);
        put(job(JobState.STARTING));
        ignored = look(11_000, false);
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 11_000, 12_000)));
        ignored = look(12_000, false);
        put(job(JobState.PARKED), operation("op-2", OperationKind.PARK, OperationState.SUCCEEDED, step("PARK", 20_000, 21_000)));
        ignored = look(21_000, false);
        put(job(JobState.EXITED).toBuilder().setEndedAt(51_000).build());
        JobUse use = look(51_000, false);
        assertThat(use.getWaitingMillis()).isEqualTo(10_000);
        assertThat(use.getMovingMillis()).isEqualTo(1000);
        assertThat(use.getParkedMillis()).isEqualTo(30_000);
        assertThat(use.getRunningSeconds()).isEqualTo(8);
    }

    /** Everybody waits while a tick writes: what it asks the database follows how many associations there are, not how many jobs run on. */
    @Test
    void aTickAsksNothingForEachJobThatRunsOn() {
        JobUse ignored = look(0, true);
        int first = questionsOfATick(1, 2000);
        int few = questionsOfATick(2, 122_000);
        int many = questionsOfATick(40, 242_000);
        assertThat(many).isEqualTo(few).isGreaterThanOrEqualTo(first);
        // Each job by itself, in their order, to the last bit.
        Extended expected = Extended.of(DECAY.newUsage(60, RATE, 1));
        for (int before : new int[] {1, 3}) {
            expected = expected.times(Extended.of(DECAY.after(120)));
            for (int job = 0; job < (before == 1 ? 3 : 43); job++) {
                expected = expected.plus(Extended.of(DECAY.newUsage(job < before ? 120 : 60, RATE, 1)));
            }
        }
        assertThat(usage()).isEqualTo(expected);
    }

    /** Lets more jobs begin to run and counts what is asked at the tick a minute later. */
    private int questionsOfATick(int more, long at) {
        for (int i = 0; i < more; i++) {
            String id = "j-" + at + "-" + i;
            put(
                    job(JobState.RUNNING).toBuilder().setId(id).setSubmittedAt(at).build(),
                    operation("op-" + id, OperationKind.START, OperationState.SUCCEEDED, step("START", at - 500, at)).toBuilder().setJob(id).build());
        }
        JobUse ignored = look(at, false);
        int before = timed.questions();
        ignored = look(at + 60_000, true);
        return timed.questions() - before;
    }

    /** A partition whose weights make a negative bill, as an earlier Ferry took them. */
    @Test
    void aJobThatCannotBeBilledDoesNotStopTheOthers() {
        store.transact(
                state -> {
                    state.put(AccountKinds.PARTITION, Partition.newBuilder().setName("odd").setBillingWeights("CPU=-1").build());
                    return true;
                });
        Job odd = job(JobState.RUNNING).toBuilder().setId("j-odd").setQueue(job(JobState.RUNNING).getQueue().toBuilder().setPartition("odd")).build();
        put(odd, operation("op-0", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)).toBuilder().setJob("j-odd").build());
        put(job(JobState.RUNNING), operation("op-1", OperationKind.START, OperationState.SUCCEEDED, step("START", 1500, 2000)));
        JobUse ignored = look(2020, false);
        assertThat(look(62_000, true).getBilled()).isEqualTo(60 * RATE);
        put(odd.toBuilder().setState(JobState.EXITED).setEndedAt(72_000).build());
        ignored = look(72_020, false);
        JobUse unbilled = store.transact(state -> Metering.use(state, "j-odd"));
        assertThat(unbilled.getRunningSeconds()).isEqualTo(70);
        assertThat(unbilled.getBilled()).isZero();
        assertThat(usage()).isEqualTo(Extended.of(DECAY.newUsage(60, RATE, 1)));
    }
}
