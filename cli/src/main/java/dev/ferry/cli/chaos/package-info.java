/** {@code ferry chaos run}: a cluster of one's own, migrations, a random fault at each, and a witness outside the cluster that counts lives. */
@NullMarked
package dev.ferry.cli.chaos;

import org.jspecify.annotations.NullMarked;
