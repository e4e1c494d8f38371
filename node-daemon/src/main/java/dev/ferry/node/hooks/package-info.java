/** Programs and addresses of the node's operator that are told before and after what is done with jobs here: docs/hooks.md. */
@NullMarked
package dev.ferry.node.hooks;

import org.jspecify.annotations.NullMarked;
