package dev.ferry.scheduling.accounts;

import org.jspecify.annotations.Nullable;

/**
 * An account, or a user in an account: what shares and limits are given to.
 *
 * @param id unique; of two accounts that tie the one made later (with the higher id) comes first, as in Slurm
 * @param parent id of the account above; 0 for the root
 * @param account name of the account
 * @param user name of the user; null for the account itself
 * @param shares how much is due to it among its siblings, 0 or more; {@link #PARENT_SHARES} to compete with the siblings of its account instead of within it
 * @param priority what its jobs get for being its; null for what the account above has
 */
public record Association(long id, long parent, String account, @Nullable String user, int shares, @Nullable Long priority) {
    public static final int PARENT_SHARES = -1;

    public Association {
        if (shares < PARENT_SHARES) {
            throw new IllegalArgumentException("Association " + id + " (" + name(account, user) + ") can't have " + shares + " shares");
        }
    }

    public boolean isUser() {
        return user != null;
    }

    public boolean sharesWithParent() {
        return shares == PARENT_SHARES;
    }

    /** For people: the account, or account/user. */
    public String name() {
        return name(account, user);
    }

    private static String name(String account, @Nullable String user) {
        return user == null ? account : account + "/" + user;
    }
}
