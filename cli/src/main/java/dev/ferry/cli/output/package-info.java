/** How answers are shown. */
@NullMarked
package dev.ferry.cli.output;

import org.jspecify.annotations.NullMarked;
