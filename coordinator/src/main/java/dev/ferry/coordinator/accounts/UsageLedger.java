package dev.ferry.coordinator.accounts;

import dev.ferry.coordinator.scheduling.SchedulingConfig;
import dev.ferry.coordinator.store.RecordQuery;
import dev.ferry.coordinator.store.Transaction;
import dev.ferry.proto.v1.UsageClock;
import dev.ferry.proto.v1.UsageRecord;
import dev.ferry.scheduling.accounts.AccountTree;
import dev.ferry.scheduling.usage.Decay;
import dev.ferry.scheduling.usage.Extended;
import dev.ferry.scheduling.usage.ResetPeriod;
import dev.ferry.scheduling.usage.UsageTable;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.OptionalInt;

/**
 * What each association has used, decayed tick by tick as Slurm does. It is all in the store, to the last bit: a coordinator that starts again, or takes over, goes on where the last one was, and the
 * time in between decays in one tick.
 */
public final class UsageLedger {
    private UsageLedger() {}

    /** Of the last tick, milliseconds since 1970; 0: there was none yet. */
    public static long lastTick(Transaction state) {
        return state.record(AccountKinds.CLOCK, "all").map(UsageClock::getLastTick).orElse(0L);
    }

    /** Forgets a part of all use, as much as the time since the last tick asks for. The use that running jobs made since is added after it. */
    static void tick(Transaction state, SchedulingConfig config) {
        long before = lastTick(state);
        long now = Math.max(before, state.now());
        state.put(AccountKinds.CLOCK, UsageClock.newBuilder().setLastTick(now).build());
        if (before == 0) {
            return;
        }
        boolean reset = config.usageReset() != ResetPeriod.NONE && config.usageReset().isBetween(local(before), local(now));
        Decay decay = config.decay();
        Extended left = reset ? Extended.ZERO : Extended.of(decay.after((now - before) / 1000.0));
        for (UsageRecord record : state.records(AccountKinds.USAGE, RecordQuery.all())) {
            write(state, record.getAssociation(), read(record).times(left));
        }
    }

    /** The wall clock has stepped by so many milliseconds. */
    static void step(Transaction state, long millis) {
        long before = lastTick(state);
        if (before > 0) {
            state.put(AccountKinds.CLOCK, UsageClock.newBuilder().setLastTick(before + millis).build());
        }
    }

    private static LocalDateTime local(long millis) {
        return LocalDateTime.ofInstant(Instant.ofEpochMilli(millis), ZoneId.systemDefault());
    }

    /** What an association has used, in billing units times seconds. */
    static Extended of(Transaction state, String association) {
        return state.record(AccountKinds.USAGE, association).map(UsageLedger::read).orElse(Extended.ZERO);
    }

    static void write(Transaction state, String association, Extended raw) {
        if (raw.isZero()) {
            state.delete(AccountKinds.USAGE, association);
        } else {
            state.put(AccountKinds.USAGE, UsageRecord.newBuilder().setAssociation(association).setRaw(raw.toBigDecimal().toString()).build());
        }
    }

    private static Extended read(UsageRecord record) {
        return Extended.of(new BigDecimal(record.getRaw()));
    }

    /** Use by position of a tree; that of an account is that of all that lies in it. */
    public static UsageTable table(Transaction state, AccountTree tree) {
        UsageTable table = new UsageTable(tree);
        for (UsageRecord record : state.records(AccountKinds.USAGE, RecordQuery.all())) {
            position(tree, record.getAssociation()).ifPresent(at -> table.add(at, read(record)));
        }
        return table;
    }

    private static OptionalInt position(AccountTree tree, String association) {
        int slash = association.indexOf('/');
        return slash < 0 ? tree.findAccount(association) : tree.find(association.substring(0, slash), association.substring(slash + 1));
    }
}
