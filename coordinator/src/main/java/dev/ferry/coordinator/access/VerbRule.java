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
 */
public record VerbRule(String rpc, Door door, Role least, Thing thing, String field, boolean changes) {
    static VerbRule reads(String rpc, Role least) {
        return new VerbRule(rpc, Door.TOKEN, least, Thing.NONE, "", false);
    }

    static VerbRule changes(String rpc, Role least) {
        return new VerbRule(rpc, Door.TOKEN, least, Thing.NONE, "", true);
    }

    VerbRule of(Thing what, String named) {
        return new VerbRule(rpc, door, least, what, named, changes);
    }

    /** With a field that names what is changed, which belongs to nobody. */
    VerbRule target(String named) {
        return of(Thing.NONE, named);
    }
}
