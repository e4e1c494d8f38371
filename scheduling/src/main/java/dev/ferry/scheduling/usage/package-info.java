/** What accounts have used: exact arithmetic, decay, reset. */
@NullMarked
package dev.ferry.scheduling.usage;

import org.jspecify.annotations.NullMarked;
