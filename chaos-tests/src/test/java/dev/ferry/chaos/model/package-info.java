/** The migration and the lease as a model for Spin (src/test/promela): checked whole, and held against the code. See docs/model.md. */
package dev.ferry.chaos.model;
