/** What this machine is and what it lacks. */
@NullMarked
package dev.ferry.node.doctor;

import org.jspecify.annotations.NullMarked;
