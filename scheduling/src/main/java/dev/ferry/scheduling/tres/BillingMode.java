package dev.ferry.scheduling.tres;

/** How the weighted resources of a job make one number. */
public enum BillingMode {
    /** All are added. */
    SUM,
    /** PriorityFlags=MAX_TRES: the largest of what lies on nodes (cpu, mem, node, gres), plus all that is of the whole cluster (licences ...). */
    MAX_TRES,
    /** PriorityFlags=MAX_TRES_GRES, of later Slurms: the largest of cpu, mem and node, plus all gres, plus all that is of the whole cluster. */
    MAX_TRES_GRES
}
