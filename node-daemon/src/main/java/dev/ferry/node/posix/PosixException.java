package dev.ferry.node.posix;

import java.io.IOException;
import jnr.constants.platform.Errno;

/** A system call that failed. */
public final class PosixException extends IOException {
    private static final long serialVersionUID = 1;

    private final int errno;

    PosixException(String call, int errno) {
        super(call + ": " + Errno.valueOf(errno).description() + " (" + Errno.valueOf(errno) + ")");
        this.errno = errno;
    }

    public boolean is(Errno code) {
        return errno == code.intValue();
    }

    public boolean brokenPipe() {
        return is(Errno.EPIPE);
    }

    public boolean connectionReset() {
        return is(Errno.ECONNRESET);
    }

    public boolean wouldBlock() {
        return is(Errno.EAGAIN);
    }

    public boolean noSuchProcess() {
        return is(Errno.ESRCH);
    }
}
