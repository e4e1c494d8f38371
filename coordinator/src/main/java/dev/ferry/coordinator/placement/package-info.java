/** Which node takes a job. */
@NullMarked
package dev.ferry.coordinator.placement;

import org.jspecify.annotations.NullMarked;
