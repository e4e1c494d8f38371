/** TLS 1.3 between the parts: keys, certificates and whom they make one trust. */
@NullMarked
package dev.ferry.common.tls;

import org.jspecify.annotations.NullMarked;
