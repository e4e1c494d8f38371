/** What clouds and operators announce about this node's machine: sources that are watched, and what stands now. */
@NullMarked
package dev.ferry.node.notices;

import org.jspecify.annotations.NullMarked;
