/** What jobs may ask for on a node. */
@NullMarked
package dev.ferry.node.policy;

import org.jspecify.annotations.NullMarked;
