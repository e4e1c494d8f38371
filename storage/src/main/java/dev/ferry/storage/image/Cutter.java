package dev.ferry.storage.image;

/** Cuts one run of bytes into windows. Used by one thread at a time. */
interface Cutter {
    /** Where windows go, in the order of the run. */
    interface Windows {
        void window(Window window);

        void zeros(int bytes);
    }

    /** The next bytes of the run; what is kept of the piece is marked as used. */
    void cut(Piece piece);

    /**
     * The next bytes of the run are zeros: as if they came in pieces.
     *
     * @param bytes at most {@link PageCutter#MOST_ZERO_BYTES}
     */
    void zeros(int bytes);

    /** Nothing more is there now: pieces are let go, and what they leave of a window waits on the heap. */
    void settle();

    /** The run is at its end. */
    void end();

    /** The image has failed: what is kept is let go. May be called more than once. */
    void drop();
}
