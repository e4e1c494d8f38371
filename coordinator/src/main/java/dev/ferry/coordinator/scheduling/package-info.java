/** When which job runs: the queue, the passes over it, and what they decide. */
@NullMarked
package dev.ferry.coordinator.scheduling;

import org.jspecify.annotations.NullMarked;
