/** The daemon of a node: all that touches the kernel. */
@NullMarked
package dev.ferry.node;

import org.jspecify.annotations.NullMarked;
