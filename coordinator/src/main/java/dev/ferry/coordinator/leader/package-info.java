/** Several coordinators on one database, of which one leads. */
@NullMarked
package dev.ferry.coordinator.leader;

import org.jspecify.annotations.NullMarked;
