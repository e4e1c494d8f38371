package dev.ferry.node.notices;

import java.io.IOException;

/** A source has said something that is not of the form it is documented to have: nothing is made of it. */
final class Garbage extends IOException {
    private static final long serialVersionUID = 1;
    private static final int SHOWN = 200;

    Garbage(String what, String said) {
        super(what + " is not understood and is passed over: " + shown(said));
    }

    private static String shown(String said) {
        String line = said.strip().replaceAll("[\\p{Cntrl}\\s]+", " ");
        return line.length() <= SHOWN ? line : line.substring(0, SHOWN) + " ...";
    }
}
