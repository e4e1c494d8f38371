/** Measures Ferry beside what a user would use instead, on the machine it runs on. */
@NullMarked
package dev.ferry.cli.bench;

import org.jspecify.annotations.NullMarked;
