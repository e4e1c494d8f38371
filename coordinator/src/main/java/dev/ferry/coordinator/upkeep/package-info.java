/** Keeps the object store in order, by schedule and on demand. See docs/store.md. */
@org.jspecify.annotations.NullMarked
package dev.ferry.coordinator.upkeep;
