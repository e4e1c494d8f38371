/** The jobs of this node and what is done to them. */
@NullMarked
package dev.ferry.node.jobs;

import org.jspecify.annotations.NullMarked;
