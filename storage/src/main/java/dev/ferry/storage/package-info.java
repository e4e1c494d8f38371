/** Images in an object store: chunks by content, packs, manifests written last. */
@NullMarked
package dev.ferry.storage;

import org.jspecify.annotations.NullMarked;
