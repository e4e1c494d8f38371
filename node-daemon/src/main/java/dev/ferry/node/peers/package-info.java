/** Chunks that go straight from node to node: a daemon gives out what its cache has, and asks another one before the store. */
@NullMarked
package dev.ferry.node.peers;

import org.jspecify.annotations.NullMarked;
