package dev.ferry.coordinator.access;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Job;
import dev.ferry.proto.v1.JobQueue;
import dev.ferry.proto.v1.JobSpec;
import dev.ferry.proto.v1.Owner;
import dev.ferry.proto.v1.Role;
import java.util.function.Supplier;

/**
 * Who asks.
 *
 * @param name for the audit log: the id of a token, the name of a node, or what Ferry itself is at
 * @param owner whose jobs it is about, for a role that sees only some; what new jobs belong to
 * @param occasion of a machine: the id of its join token, or the serial number of its certificate
 * @param from the address that the call came from
 */
public record Caller(String name, Role role, Owner owner, String occasion, String from) {
    private static final ScopedValue<Caller> CURRENT = ScopedValue.newInstance();

    /** Ferry itself: what nobody asked for. */
    public static final Caller FERRY = new Caller("ferry", Role.ROLE_ADMIN, Owner.getDefaultInstance(), "", "");

    /** Everyone, where tokens are switched off. */
    static Caller anyone(String from) {
        return new Caller("anyone", Role.ROLE_ADMIN, Owner.getDefaultInstance(), "", from);
    }

    /** A daemon, or a machine that wants to become a node: what it may is decided by what it shows, not by a role. */
    static Caller machine(String name, String occasion, String from) {
        return new Caller(name, Role.ROLE_UNSPECIFIED, Owner.getDefaultInstance(), occasion, from);
    }

    /** Whose call the running thread works on. */
    public static Caller current() {
        return CURRENT.orElse(FERRY);
    }

    /** Does work on behalf of this caller. */
    public <T> T call(Supplier<T> work) {
        return ScopedValue.where(CURRENT, this).call(work::get);
    }

    public void run(Runnable work) {
        ScopedValue.where(CURRENT, this).run(work);
    }

    /** Whether there is nothing that is hidden from it: an operator, or a viewer of no one in particular. */
    public boolean seesAll() {
        return switch (role) {
            case ROLE_OPERATOR, ROLE_ADMIN -> true;
            case ROLE_VIEWER -> owner.equals(Owner.getDefaultInstance());
            case ROLE_USER, ROLE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /** Whether a job is its own, or it sees all. */
    public boolean sees(Job job) {
        return seesAll() || isOwn(job.getQueue());
    }

    /** A user's jobs are his whatever account they run in; a token without a user is for all of its account. */
    private boolean isOwn(JobQueue of) {
        return owner.getUser().isEmpty() ? !owner.getAccount().isEmpty() && owner.getAccount().equals(of.getAccount()) : owner.getUser().equals(of.getUser());
    }

    /**
     * What a caller asks for as a job of its own: whom the token is for stands in it, and nobody else.
     *
     * @throws FerryException FORBIDDEN when it names somebody else, or gives itself priority, and the caller is no operator
     */
    public JobSpec inItsName(JobSpec spec) {
        JobSpec.Builder own = spec.toBuilder();
        if (spec.getUserName().isEmpty()) {
            own.setUserName(owner.getUser());
        }
        if (spec.getAccount().isEmpty()) {
            own.setAccount(owner.getAccount());
        }
        if (!seesAll()) {
            requireOwn("user", owner.getUser(), own.getUserName());
            requireOwn("account", owner.getAccount(), own.getAccount());
            if (spec.getNice() < 0) {
                throw new FerryException(ErrorCode.FORBIDDEN, "A nice value below 0 puts a job before those of others; only operators give one");
            }
        }
        return own.build();
    }

    private void requireOwn(String what, String own, String named) {
        if (!own.isEmpty() && !own.equals(named)) {
            throw new FerryException(ErrorCode.FORBIDDEN, "Token " + name + " is for the " + what + " '" + own + "' and can't run jobs of '" + named + "'");
        }
    }

    /** Whether it may see what jobs themselves say and hold: logs, environment variables. */
    public boolean seesContent() {
        return role != Role.ROLE_VIEWER;
    }
}
