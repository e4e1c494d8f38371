/** A job's sandbox: its root, its namespaces, its first process. */
@NullMarked
package dev.ferry.node.sandbox;

import org.jspecify.annotations.NullMarked;
