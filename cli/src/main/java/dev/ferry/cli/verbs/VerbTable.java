package dev.ferry.cli.verbs;

import java.util.LinkedHashMap;
import java.util.Map;

/** All verbs in the order of the help. The classes are looked into only when they are asked for: that takes most of a short command's time. */
public final class VerbTable {
    private static final Map<String, Class<?>> VERBS = all();

    private VerbTable() {}

    /** Verbs by name. */
    public static Map<String, Class<?>> verbs() {
        return VERBS;
    }

    private static Map<String, Class<?>> all() {
        Map<String, Class<?>> verbs = new LinkedHashMap<>();
        verbs.put("run", RunVerb.class);
        verbs.put("ps", JobVerbs.Ps.class);
        verbs.put("show", JobShow.class);
        verbs.put("logs", JobVerbs.Logs.class);
        verbs.put("signal", JobVerbs.Signal.class);
        verbs.put("cancel", JobVerbs.Cancel.class);
        verbs.put("wait", JobVerbs.Wait.class);
        verbs.put("checkpoint", MoveVerbs.Checkpoint.class);
        verbs.put("suspend", MoveVerbs.Suspend.class);
        verbs.put("resume", MoveVerbs.Resume.class);
        verbs.put("migrate", MoveVerbs.Migrate.class);
        verbs.put("restore", MoveVerbs.Restore.class);
        verbs.put("images", ImageVerb.Listing.class);
        verbs.put("image", ImageVerb.class);
        verbs.put("store", StoreVerb.class);
        verbs.put("nodes", NodeVerb.Listing.class);
        verbs.put("node", NodeVerb.class);
        verbs.put("job", JobVerb.class);
        verbs.put("pool", PoolVerb.class);
        verbs.put("evacuate", EvacuateVerbs.Evacuate.class);
        verbs.put("evacuations", EvacuateVerbs.Listing.class);
        verbs.put("drill", DrillVerb.class);
        verbs.put("notices", SpotVerbs.Notices.class);
        verbs.put("operations", OperationVerbs.Listing.class);
        verbs.put("operation", OperationVerbs.One.class);
        verbs.put("account", AccountVerb.class);
        verbs.put("user", UserVerb.class);
        verbs.put("qos", QosVerb.class);
        verbs.put("partition", PartitionVerb.class);
        verbs.put("import", ImportVerb.class);
        verbs.put("fairshare", FairVerbs.Fairshare.class);
        verbs.put("priority", FairVerbs.Priority.class);
        verbs.put("explain", DecisionVerbs.Explain.class);
        verbs.put("decisions", DecisionVerbs.Listing.class);
        verbs.put("decision", DecisionVerbs.One.class);
        verbs.put("rebalance", RebalanceVerb.class);
        verbs.put("simulate", SimulateVerb.class);
        verbs.put("bench", BenchVerb.class);
        verbs.put("chaos", ChaosVerb.class);
        verbs.put("demo", DemoVerb.class);
        verbs.put("up", UpVerb.class);
        verbs.put("spot", SpotVerb.class);
        verbs.put("coordinator", CoordinatorVerb.class);
        verbs.put("admin", AdminVerb.class);
        verbs.put("config", ConfigVerb.class);
        verbs.put("doctor", DoctorVerb.class);
        verbs.put("completion", CompletionVerb.class);
        verbs.put("version", VersionVerb.class);
        return verbs;
    }
}
