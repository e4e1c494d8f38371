/** Folders that travel with a job. */
@NullMarked
package dev.ferry.node.volumes;

import org.jspecify.annotations.NullMarked;
