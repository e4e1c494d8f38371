/** Slurm's multifactor priority of a waiting job. */
@NullMarked
package dev.ferry.scheduling.priority;

import org.jspecify.annotations.NullMarked;
