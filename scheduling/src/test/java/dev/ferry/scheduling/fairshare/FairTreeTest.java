package dev.ferry.scheduling.fairshare;

import static dev.ferry.scheduling.accounts.Association.PARENT_SHARES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.ferry.scheduling.Trees;
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.UsageTable;
import java.math.BigDecimal;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** By hand: ranks are counted down from the number of users. */
class FairTreeTest {
    private static Map<String, Integer> ranks(UsageTable usage, Ties ties) {
        Standings standings = Standings.compute(usage, new FairsharePolicy(FairshareMethod.FAIR_TREE, 1, ties));
        Map<String, Integer> ranks = new TreeMap<>();
        for (int at = 0; at < usage.tree().size(); at++) {
            if (usage.tree().get(at).isUser()) {
                ranks.put(usage.tree().get(at).name(), (int) Math.round(standings.factor(at) * usage.tree().users()));
            }
        }
        return ranks;
    }

    @Test
    void ranksAllOfAnAccountThatIsOwedMoreBeforeAllOfOneThatIsOwedLess() {
        // a has half the shares and 1/10 of the use, b half and 9/10; y used more of a than x.
        UsageTable usage = new Trees().account("a", "root", 1).account("b", "root", 1).user("x", "a", 1, 20).user("y", "a", 1, 80).user("z", "b", 1, 900).user("w", "b", 9, 0).usage();
        assertThat(ranks(usage, Ties.SLURM)).isEqualTo(Map.of("a/x", 4, "a/y", 3, "b/w", 2, "b/z", 1)).isEqualTo(ranks(usage, Ties.DOCUMENTED));
        Standings standings = Standings.compute(usage, FairsharePolicy.fairTree());
        int a = usage.tree().findAccount("a").getAsInt();
        int y = usage.tree().find("a", "y").getAsInt();
        assertThat(standings.level(a).toDouble()).isCloseTo(5, within(1e-12));
        assertThat(standings.level(y).toDouble()).isCloseTo(0.5 / 0.8, within(1e-12));
        assertThat(standings.effectiveUsage(y)).isCloseTo(0.8, within(1e-12));
        assertThat(standings.normalizedUsage(y)).isCloseTo(0.08, within(1e-12));
    }

    /** Two accounts that are level, in each one who is owed more and one who is owed less, in equal parts. */
    private static UsageTable twins() {
        return new Trees().account("a", "root", 1).account("b", "root", 1).user("x", "a", 1, 10).user("y", "a", 1, 30).user("v", "b", 1, 10).user("w", "b", 1, 30).usage();
    }

    @Test
    void slurmRanksLevelAccountsOneAfterTheOtherTheNewestFirst() {
        // b was made later: v, w get 4 and 3. a is level with it, so its first, x, shares the rank of w; y is next: 1.
        assertThat(ranks(twins(), Ties.SLURM)).isEqualTo(Map.of("b/v", 4, "b/w", 3, "a/x", 3, "a/y", 1));
    }

    @Test
    void theDocumentationRanksLevelAccountsAsOne() {
        assertThat(ranks(twins(), Ties.DOCUMENTED)).isEqualTo(Map.of("b/v", 4, "a/x", 4, "b/w", 2, "a/y", 2));
    }

    @Test
    void levelUsersShareARankAndTheNextIsLowerByTheirNumber() {
        UsageTable usage = new Trees().user("p", "root", 1, 5).user("q", "root", 1, 5).user("r", "root", 1, 9).usage();
        assertThat(ranks(usage, Ties.SLURM)).isEqualTo(Map.of("root/p", 3, "root/q", 3, "root/r", 1));
    }

    @Test
    void aUserComesBeforeALevelAccountWhoseFirstSharesItsRank() {
        UsageTable usage = new Trees().account("a", "root", 1).user("x", "a", 1, 40).user("y", "a", 0, 0).user("p", "root", 1, 40).usage();
        assertThat(ranks(usage, Ties.SLURM)).isEqualTo(Map.of("root/p", 3, "a/x", 3, "a/y", 1)).isEqualTo(ranks(usage, Ties.DOCUMENTED));
    }

    @Test
    void sharesOfTheParentPutAnAccountsMembersAmongItsSiblings() {
        // pool's members compete with a for 1 + 3 + 2 shares; within the root, x has used nothing.
        UsageTable usage = new Trees().account("a", "root", 1).account("pool", "root", PARENT_SHARES).user("x", "pool", 3, 0).user("y", "pool", 2, 60).user("z", "a", 1, 40).usage();
        Standings standings = Standings.compute(usage, FairsharePolicy.fairTree());
        int x = usage.tree().find("pool", "x").getAsInt();
        int y = usage.tree().find("pool", "y").getAsInt();
        assertThat(standings.normalizedShares(x)).isEqualTo(3.0 / 6);
        assertThat(standings.level(x)).isEqualTo(Extended.INFINITY);
        assertThat(standings.level(y).toDouble()).isCloseTo((2.0 / 6) / 0.6, within(1e-12));
        // y: 0.556, a: 0.417
        assertThat(ranks(usage, Ties.SLURM)).isEqualTo(Map.of("pool/x", 3, "pool/y", 2, "a/z", 1));
        assertThat(standings.normalizedShares(usage.tree().findAccount("pool").getAsInt())).isZero();
    }

    @Test
    void aUserWithSharesOfTheParentComesFirstInItsAccountAndOneWithoutSharesLast() {
        UsageTable usage = new Trees().account("a", "root", 1).user("x", "a", 1, 1).user("boss", "a", PARENT_SHARES, 70).user("none", "a", 0, 0).usage();
        assertThat(ranks(usage, Ties.SLURM)).isEqualTo(Map.of("a/boss", 3, "a/x", 2, "a/none", 1));
    }

    @Test
    void withoutAnyUseAllWithSharesStandLevel() {
        UsageTable usage = new Trees().user("p", "root", 1, 0).user("q", "root", 7, 0).usage();
        assertThat(ranks(usage, Ties.SLURM)).isEqualTo(Map.of("root/p", 2, "root/q", 2));
    }

    @Test
    void levelIsDecidedByAllBitsOfTheLongDouble() {
        // The uses differ in the 60th bit: as doubles they would tie.
        Extended use = Extended.of(new BigDecimal("1000000000.0000000001"));
        Trees trees = new Trees().user("p", "root", 1, 0).user("q", "root", 1, 1_000_000_000);
        UsageTable usage = trees.usage();
        usage.add(usage.tree().find("root", "p").getAsInt(), use);
        assertThat(use.toDouble()).isEqualTo(1_000_000_000);
        assertThat(ranks(usage, Ties.SLURM)).isEqualTo(Map.of("root/q", 2, "root/p", 1));
    }
}
