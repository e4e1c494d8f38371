package dev.ferry.coordinator.nodes;

import dev.ferry.proto.v1.ToNode;

/** The way to one daemon: a gRPC stream, or what a test or a simulation plays. */
public interface NodeLine {
    /** Says a message; one that can't be said is dropped, because all is said again on the next line. */
    void say(ToNode message);

    /** Ends the line in an orderly way. */
    void end();

    /** Ends the line because the daemon does not keep the protocol. */
    void refuse(String why);
}
