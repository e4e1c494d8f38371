/** How often a job's image is made anew while it runs: decisions as pure functions. */
@NullMarked
package dev.ferry.scheduling.fresh;

import org.jspecify.annotations.NullMarked;
