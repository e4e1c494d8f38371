/** How images are written to a store and read from it. */
@NullMarked
package dev.ferry.storage.image;

import org.jspecify.annotations.NullMarked;
