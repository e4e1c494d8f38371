package dev.ferry.cli.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import dev.ferry.scheduling.tres.BillingMode;
import dev.ferry.scheduling.tres.Tres;
import dev.ferry.scheduling.tres.TresWeights;
import java.util.stream.Collectors;

/** What the jobs of a case are billed. */
public final class CaseBilling {
    /** The first Slurm that knows MAX_TRES_GRES; earlier ones find MAX_TRES in the word. */
    private static final int KNOWS_MAX_TRES_GRES = 2405;

    private final CaseFile file;

    public CaseBilling(CaseFile file) {
        this.file = file;
    }

    /** Per job: what it was submitted with, its resources with {@code billing}, and the bill before its fraction is cut off. */
    public Rows rows() {
        Rows table = new Rows("flags", "args", "tres", "billing", "weighted");
        TresWeights weights = file.weights(file.text("weights"), "weights");
        for (JsonNode result : file.array("results")) {
            String where = "result number " + (table.rows().size() + 1);
            String flags = file.text(result, "flags", where);
            Tres tres = file.tres(file.text(result, "tres", where), where + " with a tres");
            double bill = weights.bill(tres, mode(flags));
            String arguments = CaseFile.list(result.path("args")).stream().map(JsonNode::asText).collect(Collectors.joining(" "));
            table.add(flags, arguments, tres.with(Tres.BILLING, (long) bill).toString(), Long.toString((long) bill), SlurmText.fixed(bill, 6));
        }
        return table;
    }

    private BillingMode mode(String flags) {
        if (flags.contains("MAX_TRES_GRES") && (file.version() == 0 || file.version() >= KNOWS_MAX_TRES_GRES)) {
            return BillingMode.MAX_TRES_GRES;
        }
        return flags.contains("MAX_TRES") ? BillingMode.MAX_TRES : BillingMode.SUM;
    }
}
