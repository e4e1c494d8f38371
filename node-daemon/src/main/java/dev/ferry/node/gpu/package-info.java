/** GPU state: what the driver can do, who holds it, how it is saved, parked and brought back. */
@NullMarked
package dev.ferry.node.gpu;

import org.jspecify.annotations.NullMarked;
