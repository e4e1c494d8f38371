/** Reading the memory of processes that run on. */
@NullMarked
package dev.ferry.node.memory;

import org.jspecify.annotations.NullMarked;
