/** The same decisions on a clock that jumps. */
@NullMarked
package dev.ferry.scheduling.simulate;

import org.jspecify.annotations.NullMarked;
