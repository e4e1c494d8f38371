/** Dumps that somebody made with criu by hand, of processes outside of any sandbox: what they hold, what of it a job can't have, and what of its rights. */
@org.jspecify.annotations.NullMarked
package dev.ferry.storage.plain;
