/** Errors, configuration, durable small files, ids and units: what every part needs. */
@NullMarked
package dev.ferry.common;

import org.jspecify.annotations.NullMarked;
