/** The coordinator's memory: one interface, SQLite under it. */
@NullMarked
package dev.ferry.coordinator.store;

import org.jspecify.annotations.NullMarked;
