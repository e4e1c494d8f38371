package dev.ferry.scheduling.fairshare;

import static dev.ferry.scheduling.accounts.Association.PARENT_SHARES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.ferry.scheduling.Trees;
import dev.ferry.scheduling.usage.UsageTable;
import org.junit.jupiter.api.Test;

/** By hand, from the formulas of Slurm's documentation. */
class ClassicFairshareTest {
    private static final double EXACT = 1e-12;

    /** a: 3/4 of the shares, 0.6 of the use; in it x has 1/3 and 0.5, y has 2/3 and 0.1. b: 1/4 and 0.4. */
    private static UsageTable tree() {
        return new Trees().account("a", "root", 3).account("b", "root", 1).user("x", "a", 1, 50).user("y", "a", 2, 10).user("z", "b", 1, 40).usage();
    }

    private static Standings standings(UsageTable usage, FairshareMethod method, int damping) {
        return Standings.compute(usage, new FairsharePolicy(method, damping, Ties.SLURM));
    }

    @Test
    void mixesTheUseOfTheAccountIntoThatOfItsMembers() {
        UsageTable usage = tree();
        Standings classic = standings(usage, FairshareMethod.CLASSIC, 1);
        int x = usage.tree().find("a", "x").getAsInt();
        int y = usage.tree().find("a", "y").getAsInt();
        assertThat(classic.normalizedShares(x)).isCloseTo(0.25, within(EXACT));
        assertThat(classic.effectiveUsage(x)).isCloseTo(0.5 + (0.6 - 0.5) / 3, within(EXACT));
        assertThat(classic.factor(x)).isCloseTo(Math.pow(2, -(0.5 + 0.1 / 3) / 0.25), within(EXACT));
        assertThat(classic.effectiveUsage(y)).isCloseTo(0.1 + (0.6 - 0.1) * 2 / 3, within(EXACT));
        assertThat(classic.factor(usage.tree().findAccount("a").getAsInt())).isCloseTo(Math.pow(2, -0.6 / 0.75), within(EXACT));
        assertThat(classic.factor(0)).isEqualTo(0.5);
    }

    @Test
    void dampingDividesTheExponent() {
        UsageTable usage = tree();
        Standings damped = standings(usage, FairshareMethod.CLASSIC, 3);
        int z = usage.tree().find("b", "z").getAsInt();
        assertThat(damped.factor(z)).isCloseTo(Math.pow(2, -0.4 / 0.25 / 3), within(EXACT));
        assertThat(damped.factor(0)).isCloseTo(Math.pow(2, -1.0 / 3), within(EXACT));
    }

    @Test
    void depthObliviousKeepsAMembersOwnRatioWhenItsAccountIsOnTheSameSideOfBalance() {
        UsageTable usage = tree();
        Standings standings = standings(usage, FairshareMethod.DEPTH_OBLIVIOUS, 1);
        int x = usage.tree().find("a", "x").getAsInt();
        int y = usage.tree().find("a", "y").getAsInt();
        // R(a) = 0.6 / 0.75 = 0.8. y: r = 0.1 / 0.5 = 0.2, r' = 0.2 / 0.8 = 0.25: both below 1, k = 1, R = 0.8 * 0.25 = 0.2.
        assertThat(standings.factor(y)).isCloseTo(Math.pow(2, -0.2), within(EXACT));
        assertThat(standings.effectiveUsage(y)).isCloseTo(0.2 * 0.5, within(EXACT));
        // x: r = 0.5 / 0.25 = 2, r' = 2.5: on the other side, k = 1 / (1 + (5 ln 0.8)^2).
        double k = 1 / (1 + Math.pow(5 * Math.log(0.8), 2));
        assertThat(standings.factor(x)).isCloseTo(Math.pow(2, -0.8 * Math.pow(2.5, k)), within(EXACT));
        // Directly under the root it is classic.
        assertThat(standings.factor(usage.tree().findAccount("b").getAsInt())).isCloseTo(Math.pow(2, -1.6), within(EXACT));
    }

    @Test
    void withoutSharesNothingIsDueAndWithoutUseAllOfIt() {
        UsageTable usage = new Trees().account("a", "root", 1).user("none", "a", 0, 0).user("x", "a", 1, 0).usage();
        for (FairshareMethod method : new FairshareMethod[] {FairshareMethod.CLASSIC, FairshareMethod.DEPTH_OBLIVIOUS}) {
            Standings standings = standings(usage, method, 1);
            assertThat(standings.factor(usage.tree().find("a", "none").getAsInt())).isZero();
            assertThat(standings.factor(usage.tree().find("a", "x").getAsInt())).isEqualTo(1);
        }
    }

    @Test
    void jobsOfAUserWithoutSharesOfItsOwnGoByTheAccountWithWhichItShares() {
        UsageTable usage = new Trees().account("a", "root", 1).user("x", "a", PARENT_SHARES, 30).account("b", "root", 1).user("y", "b", 1, 70).user("direct", "root", PARENT_SHARES, 0).usage();
        Standings standings = standings(usage, FairshareMethod.CLASSIC, 1);
        int x = usage.tree().find("a", "x").getAsInt();
        assertThat(standings.jobFactor(x)).isEqualTo(standings.factor(usage.tree().findAccount("a").getAsInt())).isCloseTo(Math.pow(2, -0.6), within(EXACT));
        assertThat(standings.jobFactor(usage.tree().find("root", "direct").getAsInt())).isEqualTo(0.5);
    }

    @Test
    void whereNobodyHasSharesTheUseOfTheAccountCounts() {
        UsageTable usage = new Trees().account("a", "root", 1).user("none", "a", 0, 10).user("w", "a", 0, 20).account("b", "root", 1).user("z", "b", 1, 70).usage();
        Standings standings = standings(usage, FairshareMethod.CLASSIC, 1);
        int none = usage.tree().find("a", "none").getAsInt();
        assertThat(standings.effectiveUsage(none)).isCloseTo(0.3, within(EXACT));
        assertThat(standings.factor(none)).isZero();
    }

    @Test
    void depthObliviousComparesWithSiblingsThatHaveSharesOfTheirOwn() {
        // a: half of the shares, 0.8 of the use. h shares with a: its 0.2 don't count among x, y and p, who lies in a group that only holds its members together.
        UsageTable usage = new Trees()
                .account("a", "root", 1)
                .account("b", "root", 1)
                .account("group", "a", PARENT_SHARES)
                .user("h", "a", PARENT_SHARES, 20)
                .user("x", "a", 1, 40)
                .user("y", "a", 1, 10)
                .user("p", "group", 2, 10)
                .user("none", "a", 0, 0)
                .user("z", "b", 1, 20)
                .usage();
        Standings standings = standings(usage, FairshareMethod.DEPTH_OBLIVIOUS, 1);
        double account = 0.8 / 0.5;
        double siblings = (0.4 + 0.1 + 0.1) / 0.5;
        // x: r' = 0.4 / (1/8) / siblings, above balance like its account.
        assertThat(standings.factor(usage.tree().find("a", "x").getAsInt())).isCloseTo(Math.pow(2, -account * (0.4 / 0.125 / siblings)), within(EXACT));
        double k = 1 / (1 + Math.pow(5 * Math.log(account), 2));
        assertThat(standings.factor(usage.tree().find("a", "y").getAsInt())).isCloseTo(Math.pow(2, -account * Math.pow(0.1 / 0.125 / siblings, k)), within(EXACT));
        assertThat(standings.factor(usage.tree().find("group", "p").getAsInt())).isCloseTo(Math.pow(2, -account * Math.pow(0.1 / 0.25 / siblings, k)), within(EXACT));
        assertThat(standings.effectiveUsage(usage.tree().find("a", "h").getAsInt())).isCloseTo(0.8, within(EXACT));
    }

    @Test
    void depthObliviousLeavesTheUseOfOneWithoutSharesAsItIs() {
        UsageTable usage = new Trees().account("a", "root", 1).user("x", "a", 1, 60).user("none", "a", 0, 40).usage();
        Standings standings = standings(usage, FairshareMethod.DEPTH_OBLIVIOUS, 1);
        int none = usage.tree().find("a", "none").getAsInt();
        assertThat(standings.effectiveUsage(none)).isCloseTo(0.4, within(EXACT));
        assertThat(standings.factor(none)).isZero();
    }
}
