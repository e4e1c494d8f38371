/** The stand-in for GPUs and their driver, for tests and for trying Ferry out; built from its sources when it is wanted, never part of a product. */
@NullMarked
package dev.ferry.node.standin;

import org.jspecify.annotations.NullMarked;
