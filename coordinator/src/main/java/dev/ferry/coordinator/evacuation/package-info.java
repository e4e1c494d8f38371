/** Machines that go away: what is announced, the plan of what can be saved in time, and its execution. */
@NullMarked
package dev.ferry.coordinator.evacuation;

import org.jspecify.annotations.NullMarked;
