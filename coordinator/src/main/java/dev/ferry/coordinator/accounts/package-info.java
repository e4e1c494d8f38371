/** Accounts, users, QoS and partitions as the coordinator keeps them, and what was used of the cluster. */
@NullMarked
package dev.ferry.coordinator.accounts;

import org.jspecify.annotations.NullMarked;
