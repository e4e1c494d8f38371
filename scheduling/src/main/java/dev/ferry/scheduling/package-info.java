/**
 * Who runs and who makes room, decided by pure functions: no clock, no input, no output, no state of its own. What they are given is the whole of what they know, so that a decision can be made
 * again from its record, and that a simulation runs the code that the coordinator runs.
 */
@NullMarked
package dev.ferry.scheduling;

import org.jspecify.annotations.NullMarked;
