/** What operators and programs ask. */
@NullMarked
package dev.ferry.coordinator.api;

import org.jspecify.annotations.NullMarked;
