/** Persisted multi-step actions. */
@NullMarked
package dev.ferry.coordinator.operations;

import org.jspecify.annotations.NullMarked;
