/** Daemons and what is said to them. */
@NullMarked
package dev.ferry.coordinator.nodes;

import org.jspecify.annotations.NullMarked;
