/** What operators type. */
@NullMarked
package dev.ferry.cli.verbs;

import org.jspecify.annotations.NullMarked;
