/** Encryption at rest: objects are sealed before they reach a store. See docs/store.md. */
@org.jspecify.annotations.NullMarked
package dev.ferry.storage.seal;
