/** The stream to the coordinator. */
@NullMarked
package dev.ferry.node.link;

import org.jspecify.annotations.NullMarked;
