/** Who has had less than is due: Fair Tree, classic, depth-oblivious. */
@NullMarked
package dev.ferry.scheduling.fairshare;

import org.jspecify.annotations.NullMarked;
