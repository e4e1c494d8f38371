/** The stores: a folder, and S3. */
@NullMarked
package dev.ferry.storage.object;

import org.jspecify.annotations.NullMarked;
