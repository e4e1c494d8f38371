/** Moves that bring together what is free in pieces. */
@NullMarked
package dev.ferry.scheduling.rebalance;

import org.jspecify.annotations.NullMarked;
