/** A job's control group in any of the kernel's three layouts. */
@NullMarked
package dev.ferry.node.cgroup;

import org.jspecify.annotations.NullMarked;
