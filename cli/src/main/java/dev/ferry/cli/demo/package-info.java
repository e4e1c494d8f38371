/** The demonstration: one training that moves about and ends with the same weights. */
@NullMarked
package dev.ferry.cli.demo;

import org.jspecify.annotations.NullMarked;
