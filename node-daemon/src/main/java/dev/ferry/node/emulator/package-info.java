/** Metadata servers of clouds, played on this machine by their documented protocols, to try and to test what a spot notice does. */
@NullMarked
package dev.ferry.node.emulator;

import org.jspecify.annotations.NullMarked;
