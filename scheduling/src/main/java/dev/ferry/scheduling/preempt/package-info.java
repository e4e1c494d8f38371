/** Who gives room to whom, at what cost, and never in a circle. */
@NullMarked
package dev.ferry.scheduling.preempt;

import org.jspecify.annotations.NullMarked;
