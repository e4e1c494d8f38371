package dev.ferry.coordinator.access;

import static dev.ferry.coordinator.access.VerbRule.changes;
import static dev.ferry.coordinator.access.VerbRule.frees;
import static dev.ferry.coordinator.access.VerbRule.reads;
import static dev.ferry.proto.v1.Role.ROLE_ADMIN;
import static dev.ferry.proto.v1.Role.ROLE_OPERATOR;
import static dev.ferry.proto.v1.Role.ROLE_USER;
import static dev.ferry.proto.v1.Role.ROLE_VIEWER;

import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.Role;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The one table of who may do what: a row for each RPC, also for those that come over HTTP. A call without a row is
 * refused, and a test fails. What an answer holds of others is taken out of it by {@code Sight}: jobs, images,
 * operations, and whatever else names its job in a field {@code job}.
 */
public final class VerbRules {
    private static final List<VerbRule> ALL =
            List.of(
                    reads("GetServer", ROLE_VIEWER),
                    changes("RunJob", ROLE_USER),
                    reads("ListJobs", ROLE_VIEWER),
                    reads("GetJob", ROLE_VIEWER).of(Thing.JOB, "job"),
                    reads("WatchJob", ROLE_VIEWER).of(Thing.JOB, "job"),
                    reads("ReadLog", ROLE_USER).of(Thing.JOB, "job"),
                    changes("SignalJob", ROLE_USER).of(Thing.JOB, "job"),
                    changes("CancelJob", ROLE_USER).of(Thing.JOB, "job"),
                    changes("CheckpointJob", ROLE_USER).of(Thing.JOB, "job"),
                    reads("EstimateCheckpoint", ROLE_VIEWER).of(Thing.JOB, "job"),
                    changes("SuspendJob", ROLE_USER).of(Thing.JOB, "job"),
                    changes("ResumeJob", ROLE_USER).of(Thing.JOB, "job"),
                    changes("MigrateJob", ROLE_USER).of(Thing.JOB, "job"),
                    changes("RestoreJob", ROLE_USER).of(Thing.JOB_OR_IMAGE, "job_or_image"),
                    frees("DeleteJob", ROLE_USER).of(Thing.JOB, "job"),
                    reads("ListImages", ROLE_VIEWER).of(Thing.JOB, "job"),
                    reads("GetImage", ROLE_VIEWER).of(Thing.IMAGE, "image"),
                    reads("VerifyImage", ROLE_USER).of(Thing.IMAGE, "image"),
                    reads("DiffImages", ROLE_OPERATOR),
                    frees("DeleteImage", ROLE_USER).of(Thing.IMAGE, "image"),
                    // It holds the job's memory: who took one is written down.
                    changes("ExportImage", ROLE_USER).of(Thing.IMAGE, "image"),
                    // CRIU brings back, as root, what an image says: whoever may make one up may do everything on a node.
                    changes("ImportImage", ROLE_OPERATOR),
                    reads("GetStore", ROLE_OPERATOR),
                    frees("CollectGarbage", ROLE_OPERATOR),
                    reads("CheckStore", ROLE_OPERATOR),
                    reads("ListStoreKeys", ROLE_ADMIN),
                    changes("RotateStoreKeys", ROLE_ADMIN).target("tenant"),
                    reads("ListNodes", ROLE_VIEWER),
                    reads("GetNode", ROLE_VIEWER),
                    changes("DrainNode", ROLE_OPERATOR).target("node"),
                    changes("UndrainNode", ROLE_OPERATOR).target("node"),
                    changes("DeclareNodeDead", ROLE_OPERATOR).target("node"),
                    // It lets the machine in no more.
                    changes("RemoveNode", ROLE_ADMIN).target("node"),
                    changes("EvacuateNode", ROLE_OPERATOR).target("node"),
                    changes("ConfirmNodeGone", ROLE_OPERATOR).target("node"),
                    reads("GetJobPolicy", ROLE_VIEWER).of(Thing.JOB, "job"),
                    changes("SetJobPolicy", ROLE_USER).of(Thing.JOB, "job"),
                    changes("SetTimeLimit", ROLE_OPERATOR).of(Thing.JOB, "job"),
                    reads("ListPools", ROLE_VIEWER),
                    reads("ListEvacuations", ROLE_VIEWER),
                    reads("GetEvacuation", ROLE_VIEWER),
                    reads("ListNotices", ROLE_VIEWER),
                    changes("DrillNode", ROLE_OPERATOR).target("node"),
                    changes("DrillRestore", ROLE_OPERATOR),
                    // It names the jobs of all.
                    reads("ListDrills", ROLE_OPERATOR),
                    reads("GetDrill", ROLE_OPERATOR),
                    reads("ListOperations", ROLE_VIEWER).of(Thing.JOB, "job"),
                    reads("GetOperation", ROLE_VIEWER).of(Thing.OPERATION, "operation"),
                    reads("WatchOperation", ROLE_VIEWER).of(Thing.OPERATION, "operation"),
                    reads("GetAccounting", ROLE_VIEWER),
                    changes("ChangeAccounting", ROLE_ADMIN),
                    reads("GetFairshare", ROLE_VIEWER),
                    reads("GetPriorities", ROLE_VIEWER),
                    reads("ExplainJob", ROLE_VIEWER).of(Thing.JOB, "job"),
                    // A decision is made from the jobs of all.
                    reads("ListDecisions", ROLE_OPERATOR),
                    reads("GetDecision", ROLE_OPERATOR),
                    reads("ReplayDecision", ROLE_OPERATOR),
                    changes("Rebalance", ROLE_OPERATOR),
                    reads("AdvisePreemption", ROLE_OPERATOR),
                    changes("CreateToken", ROLE_ADMIN),
                    reads("ListTokens", ROLE_ADMIN),
                    changes("RevokeToken", ROLE_ADMIN).target("id"),
                    reads("ReadAudit", ROLE_ADMIN),
                    // It holds everything: who took one is written down.
                    changes("BackupState", ROLE_ADMIN),
                    changes("CreateJoinToken", ROLE_ADMIN).target("node"),
                    changes("RevokeNode", ROLE_ADMIN).target("node"),
                    new VerbRule("JoinNode", Door.JOIN, Role.ROLE_UNSPECIFIED, Thing.NONE, "node", true, false),
                    new VerbRule("RenewNode", Door.NODE, Role.ROLE_UNSPECIFIED, Thing.NONE, "node", true, false),
                    new VerbRule("Connect", Door.NODE, Role.ROLE_UNSPECIFIED, Thing.NONE, "", false, false));

    private static final Map<String, VerbRule> BY_NAME = byName();

    private VerbRules() {}

    private static Map<String, VerbRule> byName() {
        Map<String, VerbRule> rules = new LinkedHashMap<>();
        for (VerbRule rule : ALL) {
            if (rules.put(rule.rpc(), rule) != null) {
                throw new IllegalStateException("two rows for " + rule.rpc());
            }
        }
        return rules;
    }

    public static List<VerbRule> all() {
        return ALL;
    }

    /**
     * The row of a call.
     *
     * @throws FerryException FORBIDDEN when it has none
     */
    public static VerbRule of(String rpc) {
        VerbRule rule = BY_NAME.get(rpc);
        if (rule == null) {
            throw new FerryException(ErrorCode.FORBIDDEN, "Nobody may call " + rpc + ": it has no row in the table of access rules");
        }
        return rule;
    }
}
