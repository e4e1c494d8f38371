/** What keeps a store in order: garbage collection, figures, checks. See docs/store.md. */
@org.jspecify.annotations.NullMarked
package dev.ferry.storage.upkeep;
