package dev.ferry.storage.image;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WorkersTest {
    /** A thread for each of 160 CPUs took all the memory outside the heap, and dumps failed. */
    @Test
    void aMachineWithManyCpusHasABoundedNumberOfThreads() {
        assertThat(Workers.namers(1)).isEqualTo(2);
        assertThat(Workers.namers(16)).isEqualTo(16);
        assertThat(Workers.namers(192)).isEqualTo(Workers.MOST_NAMERS);
    }
}
