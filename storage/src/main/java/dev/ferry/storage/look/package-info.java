/** What is in an image: processes, memory, files and sockets out of CRIU's own files, and what images share. */
@org.jspecify.annotations.NullMarked
package dev.ferry.storage.look;
