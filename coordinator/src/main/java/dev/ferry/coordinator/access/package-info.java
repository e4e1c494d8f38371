/** Who asks, what he may, and what is written down of it. */
@NullMarked
package dev.ferry.coordinator.access;

import org.jspecify.annotations.NullMarked;
