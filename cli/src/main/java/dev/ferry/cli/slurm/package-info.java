/** What was recorded from a Slurm cluster, computed again with Ferry's own scheduling: the proof that its numbers are Slurm's. */
@NullMarked
package dev.ferry.cli.slurm;

import org.jspecify.annotations.NullMarked;
