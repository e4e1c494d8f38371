package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.cli.output.Texts;
import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.Accounting;
import dev.ferry.proto.v1.AccountingChange;
import dev.ferry.proto.v1.ChangeAccountingRequest;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetAccountingRequest;
import dev.ferry.proto.v1.Limits;
import dev.ferry.scheduling.accounts.Association;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What the verbs for accounts, users, QoS and partitions have in common. */
final class AccountingVerbs {
    private AccountingVerbs() {}

    /** A verb that changes one of them. */
    abstract static class Change implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        abstract AccountingChange change();

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                AccountingChange change = change();
                Accounting after = client.askAccounts(stub -> stub.changeAccounting(ChangeAccountingRequest.newBuilder().addChanges(change).build()));
                after.getWarningsList().forEach(warning -> System.err.println("ferry: " + Texts.plain(warning)));
                server.print(after, () -> name + " is " + done(change.getHow()) + "\n");
                return 0;
            }
        }

        private static String done(AccountingChange.How how) {
            return switch (how) {
                case ADD -> "added";
                case MODIFY, SET -> "changed";
                case REMOVE -> "removed";
                case HOW_UNSPECIFIED, UNRECOGNIZED -> throw new IllegalArgumentException("how " + how);
            };
        }
    }

    /** A verb that lists them. */
    abstract static class Listing implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        abstract String table(Accounting all);

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Accounting all = client.askAccounts(stub -> stub.getAccounting(GetAccountingRequest.getDefaultInstance()));
                server.print(all, () -> table(all));
                return 0;
            }
        }
    }

    /** Limits as options; one that is not given stays as it is. */
    static final class LimitOptions {
        @Option(names = "--grp-tres", paramLabel = "TRES", description = "What all running jobs may hold together, for example cpu=40,gres/gpu=8; '' for no limit.")
        private @Nullable String grpTres;

        @Option(names = "--max-tres-per-user", paramLabel = "TRES", description = "What the running jobs of one user may hold together.")
        private @Nullable String maxTresPerUser;

        @Option(names = "--max-tres-per-job", paramLabel = "TRES", description = "What one job may hold.")
        private @Nullable String maxTresPerJob;

        @Option(names = "--grp-jobs", paramLabel = "N", description = "How many jobs may run at once; -1 for no limit.")
        private @Nullable Integer grpJobs;

        @Option(names = "--max-jobs", paramLabel = "N", description = "How many jobs of one user may run at once; -1 for no limit.")
        private @Nullable Integer maxJobs;

        @Option(names = "--max-wall", paramLabel = "TIME", description = "The longest time limit of a job, for example 12h; 'none' for no limit.")
        private @Nullable String maxWall;

        Limits limits() {
            Limits.Builder limits = Limits.newBuilder();
            if (grpTres != null) {
                limits.setGrpTres(grpTres);
            }
            if (maxTresPerUser != null) {
                limits.setMaxTresPerUser(maxTresPerUser);
            }
            if (maxTresPerJob != null) {
                limits.setMaxTresPerJob(maxTresPerJob);
            }
            if (grpJobs != null) {
                limits.setGrpJobs(grpJobs);
            }
            if (maxJobs != null) {
                limits.setMaxJobs(maxJobs);
            }
            if (maxWall != null) {
                limits.setMaxWallSeconds(seconds(maxWall));
            }
            return limits.build();
        }
    }

    /**
     * Whether a list that is given is the word for none of its own, so that the one before is cleared.
     *
     * @throws FerryException INVALID_ARGUMENT when the word stands beside others
     */
    static boolean isCleared(String option, List<String> list, String word) {
        boolean cleared = list.stream().anyMatch(one -> one.equalsIgnoreCase(word));
        if (cleared && list.size() > 1) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, option + ": '" + word + "' stands alone");
        }
        return cleared;
    }

    /** Seconds of a time; 'none' is -1. */
    static long seconds(String text) {
        return text.toLowerCase(Locale.ROOT).equals("none") ? -1 : Durations.parse(text).toSeconds();
    }

    static int shares(String text) {
        if (text.toLowerCase(Locale.ROOT).equals("parent")) {
            return Association.PARENT_SHARES;
        }
        if (!text.matches("\\d{1,9}")) {
            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "--shares: '" + text + "' must be 0 or more, or 'parent'");
        }
        return Integer.parseInt(text);
    }

    /** Limits in one cell of a table. */
    static String words(Limits limits) {
        List<String> words = new ArrayList<>();
        word(words, "GrpTRES", limits.getGrpTres());
        word(words, "MaxTRESPerUser", limits.getMaxTresPerUser());
        word(words, "MaxTRES", limits.getMaxTresPerJob());
        word(words, "GrpJobs", limits.hasGrpJobs() && limits.getGrpJobs() >= 0 ? Integer.toString(limits.getGrpJobs()) : "");
        word(words, "MaxJobs", limits.hasMaxJobs() && limits.getMaxJobs() >= 0 ? Integer.toString(limits.getMaxJobs()) : "");
        word(words, "MaxWall", limits.hasMaxWallSeconds() && limits.getMaxWallSeconds() >= 0 ? limits.getMaxWallSeconds() + "s" : "");
        return String.join(" ", words);
    }

    private static void word(List<String> words, String name, String value) {
        if (!value.isEmpty()) {
            words.add(name + "=" + value);
        }
    }
}
