/** Jobs, nodes, images and operations; who runs where; the API. */
@NullMarked
package dev.ferry.coordinator;

import org.jspecify.annotations.NullMarked;
