/** Resources that are counted, and what they cost. */
@NullMarked
package dev.ferry.scheduling.tres;

import org.jspecify.annotations.NullMarked;
