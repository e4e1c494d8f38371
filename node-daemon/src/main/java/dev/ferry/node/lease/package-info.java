/** The node's lease: until when its jobs may run without the coordinator's word, and who stops them then. */
@NullMarked
package dev.ferry.node.lease;

import org.jspecify.annotations.NullMarked;
