/** Accounts and users with their shares: the tree that fairshare and limits go by. */
@NullMarked
package dev.ferry.scheduling.accounts;

import org.jspecify.annotations.NullMarked;
