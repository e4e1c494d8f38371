/** What the daemon knows of each job, durably. */
@NullMarked
package dev.ferry.node.journal;

import org.jspecify.annotations.NullMarked;
