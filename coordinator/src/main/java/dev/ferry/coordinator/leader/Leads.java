package dev.ferry.coordinator.leader;

/** Whether a coordinator leads. */
public interface Leads {
    /** Of a coordinator that is alone: it leads for as long as it lives. */
    Leads ALONE =
            new Leads() {
                @Override
                public long epoch() {
                    return 0;
                }

                @Override
                public boolean holds() {
                    return true;
                }
            };

    /** In which it leads; each leader's is higher than that of the one before. 0: it is alone. */
    long epoch();

    /** Whether it surely leads now. If not, it may promise nothing any more: another one may have promised otherwise. */
    boolean holds();

    /** A sign of life of the coordinator that leads: one whose threads hang must not lead on the word of one thread that does not. */
    default void lives() {}
}
