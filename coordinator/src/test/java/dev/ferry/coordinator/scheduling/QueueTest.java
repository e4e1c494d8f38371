package dev.ferry.coordinator.scheduling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobState;
import org.junit.jupiter.api.Test;

class QueueTest {
    private static Job job(JobState state) {
        return Job.newBuilder().setId("j-aaaaaaaa").setState(state).setLatestImage("j-aaaaaaaa.1").setQueue(JobQueue.newBuilder().setComesBack(true)).build();
    }

    /** A victim of a preemption whose node is declared dead is its operator's to restore. */
    @Test
    void aLostJobIsInTheQueueOnlyByAnEvacuation() {
        assertThat(Queue.holds(job(JobState.SUSPENDED))).isTrue();
        assertThat(Queue.holds(job(JobState.LOST))).isFalse();
        assertThat(Queue.holds(Queue.evacuated(job(JobState.LOST), 1, "evacuation e-1"))).isTrue();
        assertThat(Queue.holds(Queue.out(Queue.evacuated(job(JobState.LOST), 1, "evacuation e-1")))).isFalse();
    }
}
