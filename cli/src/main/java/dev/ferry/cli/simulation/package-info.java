/** Traces, clusters and policies for {@code ferry simulate}, and what it prints and draws. */
@NullMarked
package dev.ferry.cli.simulation;

import org.jspecify.annotations.NullMarked;
