/** A small cluster on one machine. */
@NullMarked
package dev.ferry.cli.cluster;

import org.jspecify.annotations.NullMarked;
