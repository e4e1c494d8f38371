/** One look at the queue: who starts where, who waits for whom and until when at the latest. */
@NullMarked
package dev.ferry.scheduling.pass;

import org.jspecify.annotations.NullMarked;
