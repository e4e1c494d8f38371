/** CRIU behind one door: dump and restore through the image-streamer protocol. */
@NullMarked
package dev.ferry.node.criu;

import org.jspecify.annotations.NullMarked;
