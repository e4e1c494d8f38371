package dev.ferry.coordinator.accounts;

import dev.ferry.coordinator.store.RecordKind;
import dev.ferry.proto.v1.Association;
import dev.ferry.proto.v1.JobUse;
import dev.ferry.proto.v1.Partition;
import dev.ferry.proto.v1.Qos;
import dev.ferry.proto.v1.UsageClock;
import dev.ferry.proto.v1.UsageRecord;

/** The records of accounts. */
final class AccountKinds {
    static final RecordKind<Association> ASSOCIATION = new RecordKind<>("association", Association.parser(), AccountKinds::name, Association::getAccount, Association::getId);
    static final RecordKind<Qos> QOS = RecordKind.of("qos", Qos.parser(), Qos::getName);
    static final RecordKind<Partition> PARTITION = RecordKind.of("partition", Partition.parser(), Partition::getName);
    static final RecordKind<UsageRecord> USAGE = RecordKind.of("usage", UsageRecord.parser(), UsageRecord::getAssociation);
    static final RecordKind<UsageClock> CLOCK = RecordKind.of("usage-clock", UsageClock.parser(), clock -> "all");
    static final RecordKind<JobUse> JOB_USE = new RecordKind<>("job-use", JobUse.parser(), JobUse::getJob, use -> use.getEnded() ? "ended" : "open", use -> 0);

    private AccountKinds() {}

    /** account, or account/user. */
    static String name(Association association) {
        return name(association.getAccount(), association.getUser());
    }

    static String name(String account, String user) {
        return user.isEmpty() ? account : account + "/" + user;
    }
}
