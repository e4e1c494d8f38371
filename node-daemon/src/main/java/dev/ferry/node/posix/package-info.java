/** The one door to system calls: nobody else uses jnr-posix or java.lang.foreign. */
@NullMarked
package dev.ferry.node.posix;

import org.jspecify.annotations.NullMarked;
