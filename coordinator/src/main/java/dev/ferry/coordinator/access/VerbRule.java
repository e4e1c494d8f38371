package dev.ferry.coordinator.access;

import dev.ferry.proto.v1.Role;

/**
 * What is needed for one call.
 *
 * @param rpc its name in the .proto file
 * @param least the least role that may, behind the door {@link Door#TOKEN}
 * @param thing what of an owner its request names
 * @param field where in the request that stands, or the name that the audit log gives as the target; empty: nowhere
 * @param changes whether it changes something and is written into the audit log
 * @param frees whether it makes room, so that it may use what is kept for that
 */
public record VerbRule(String rpc, Door door, Role least, Thing thing, String field, boolean changes, boolean frees) {
    static VerbRule reads(String rpc, Role least) {
        return new VerbRule(rpc, Door.TOKEN, least, Thing.NONE, "", false, false);
    }

    static VerbRule frees(String rpc, Role least) {
        return new VerbRule(rpc, Door.TOKEN, least, Thing.NONE, "", true, true);
    }

    static VerbRule changes(String rpc, Role least) {
        return new VerbRule(rpc, Door.TOKEN, least, Thing.NONE, "", true, false);
    }

    VerbRule of(Thing what, String named) {
        return new VerbRule(rpc, door, least, what, named, changes, frees);
    }

    /** With a field that names what is changed, which belongs to nobody. */
    VerbRule target(String named) {
        return of(Thing.NONE, named);
    }
}
