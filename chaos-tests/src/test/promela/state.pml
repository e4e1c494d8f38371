/*
 * What is where: the coordinators' database, the memory of each coordinator, and each node with its journal, its processes and its link.
 * One job, two nodes (0, 1), two coordinators (0, 1). A slot that holds nothing is 0, so that equal states look equal.
 */

/* Time, in ticks of one clock that all parts share. A tick is as long as a lease, and at a tick the freeze comes before the coordinator's
 * count, which is the order that the real times keep: a question lengthens the lease until the next tick, an answer is counted until then. */
#ifndef CONFIRMED_BY_A_READ
#define LEADER_WORD 1         /* ticks for which a leader answers after it last read that it leads */
#else
#define LEADER_WORD 0
#endif
#ifdef SUCCESSOR_DOES_NOT_WAIT
#define FIRST_COUNT LEADER_WORD /* planted: a new leader does not count every lease as whole from its start */
#else
#define FIRST_COUNT (1 + LEADER_WORD)
#endif

/* How much may go wrong, and how much is asked for: what keeps the space of states finite and small. */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef OPERATIONS
#define OPERATIONS 2
#endif
#define MOST_RESTORES 2

/* Steps of an operation. */
#define DUMP 1
#define COMMIT 2
#define KILL 3
#define THAW 4
#define RESTORE 5
#define FALL_BACK 6

/* States of the job in the database, then those of a life in a daemon's journal. */
#define RUNNING 1
#define RESTORING 2
#define UNREACHABLE 3
#define SUSPENDED 4
#define LOST 5
#define CREATING 6
#define FROZEN 7
#define KILLED 8

#define MIGRATION 1
#define RESTORATION 2

/* An order, and what became of it: of the step that is open, of one that is not open any more, or the reconciler's, whose result nobody awaits. */
#define CURRENT 1
#define STALE 2
#define NO_STEP 3
#define GOOD 1
#define BAD 2

/* What a coordinator takes itself for. Its epoch is the last, or another has begun: no more of an epoch's number counts. */
#define STANDS_BY 0
#define LEADER 1
#define DEPOSED 2             /* it does not know yet */

/* How far a Hello is. */
#define SAID 1                /* sent by the daemon */
#define WRITTEN 2             /* the node's proof is out of the record */
#define RECONCILED 3          /* the Welcome is on its way or was read; what the daemon said is compared with the record */

/* --- The database. Each transition of a coordinator that writes here is one transaction. --- */
byte leads[2];                /* whose epoch is in the leader's row, and who has not noticed that its own is over */
byte life = 1;
bit home;                     /* node of the job's life */
byte jobState = RUNNING;
bit committed;                /* the job has an image that the record calls its latest */
bit proof[2];                 /* the record of a node says that its lease has ended */
byte step;                    /* open step of the open operation; 0: there is none */
byte kind;
byte operationLife;           /* the life in which it began */
bit source;
bit target;
byte restores;
byte operationsLeft = OPERATIONS;

/* --- The object store: whether the image of the open operation is whole. A committed image stays whole. --- */
bit whole;

/* --- A coordinator's memory. A crash clears it. --- */
bit ordered[2];               /* the leader has said the open step's order on the node's stream */
byte order[2];                /* an order that one that was deposed still holds, and has not said */
byte orderStep[2];
bit orderNode[2];
byte orderLife[2];
byte late;                    /* the open step's result came on a stream that has ended since */
byte counted[4];              /* ticks until it takes a node's lease for over: [2 * coordinator + node] */
bit word[2];                  /* it has read that it leads, and may answer until the next tick */
bit deferred[2];              /* what a node said was left to an open operation */

/* --- A node: what the kernel holds, which no crash of the daemon touches. --- */
byte process[2];              /* life of the job's processes; 0: none */
bit frozen[2];                /* the job's own control group */
bit lease[2];                 /* holds until the next tick; else the watchdog has frozen the group above the job's */
bit ranOn[2];                 /* the processes have run since their state was last taken (seen by no part, asked by the properties) */

/* --- A node: the daemon's journal. --- */
byte journalLife[2];
byte highestLife[2];
byte journalState[2];
bit held[2];
byte open[2];                 /* the order that was begun; 0: none */
byte openStep[2];
byte openPhase[2];            /* how far it came */
byte result[2];               /* of the open step's order; said again on each stream until it is acknowledged */

/* --- A node: the daemon's memory and its link. --- */
bit up[2];
bit recovers[2];              /* an order that an earlier daemon left open is not dealt with yet */
byte link[2];                 /* coordinator at the other end, plus 1; 0: none */
byte hello[2];
byte saidLife[2];             /* what the Hello says of the job */
byte saidState[2];
byte welcome[2];              /* life that stands, plus 1, in a Welcome that is on its way */
bit asked[2];                 /* an answer is on its way to a question that is young enough to lengthen the lease */
byte queued[2];               /* an order on its way to the agent, or waiting there */
byte queuedStep[2];
byte queuedLife[2];

byte faults = FAULTS;

#ifdef WATCHDOG_SLEEPS
#define FENCED(n) false                /* planted: nobody freezes */
#else
#ifdef DAEMON_FREEZES
#define FENCED(n) (!lease[n] && up[n]) /* planted: the daemon itself freezes, and so not when it is down */
#else
#define FENCED(n) (!lease[n])
#endif
#endif
#define RUNS(n) (process[n] != 0 && !frozen[n] && !FENCED(n))
#define IS_LEADER(c) (leads[c] == LEADER)
#define LINKED(n, c) (link[n] == c + 1)
#define COUNTED(c, n) counted[2 * c + n]
#define ON_NODE (jobState == RUNNING || jobState == RESTORING || jobState == UNREACHABLE)
#define STEP_NODE ((step == RESTORE) -> target : source)
#define ORDER_LIFE ((step == KILL || step == THAW) -> operationLife : life)
#define BY_NODE(s) (s == DUMP || s == KILL || s == THAW || s == RESTORE)

/* Who may answer a heartbeat: NodeStream.take asks Term.holds, NodeSession.answer asks Leases.mayAnswer. */
#ifdef NO_TERM
#define HOLDS_TERM(c) (leads[c] != 0)  /* planted: nobody looks at the clock before a heartbeat is taken in */
#else
#define HOLDS_TERM(c) IS_LEADER(c)
#endif
#ifdef CONFIRMED_BY_A_READ
#define MAY_ANSWER(c) true             /* planted: what confirms a leader succeeds without the lead too */
#else
#define MAY_ANSWER(c) (IS_LEADER(c) || word[c])  /* @ NodeDirectory.lookForSilence, Transaction.requireLeader */
#endif

/* Whether heartbeats of a node come and are answered. */
#define ANSWERED_BY(n, c) (LINKED(n, c) && hello[n] == RECONCILED && welcome[n] == 0 && lease[n] && HOLDS_TERM(c) && MAY_ANSWER(c))
#define ANSWERED(n) (ANSWERED_BY(n, 0) || ANSWERED_BY(n, 1))

/* Who may write. With the bug, one that no longer leads writes too, and the property says so at once unless only copies are looked for. */
#ifdef NO_EPOCH_CHECK
#define MAY_WRITE(c) (leads[c] != 0)
#else
#define MAY_WRITE(c) IS_LEADER(c)
#endif
#ifdef ONLY_COPIES
#define WRITTEN_BY(c) skip
#else
#define WRITTEN_BY(c) assert(IS_LEADER(c))
#endif

/* The link of a node is gone. A result that was said may be dealt with later. An order that the daemon has taken waits on. */
inline unlink(n) {
    if
    :: result[n] != 0 && ((LINKED(n, 0) && IS_LEADER(0)) || (LINKED(n, 1) && IS_LEADER(1))) && hello[n] == RECONCILED -> late = result[n]
    :: true
    fi;
    link[n] = 0; hello[n] = 0; saidLife[n] = 0; saidState[n] = 0; welcome[n] = 0; asked[n] = 0; deferred[n] = 0
}

inline forgetOrder(c) {
    order[c] = 0; orderStep[c] = 0; orderNode[c] = 0; orderLife[c] = 0
}

/* What the open step orders. */
inline holdOrder(who) {
    order[who] = CURRENT; orderStep[who] = step; orderNode[who] = STEP_NODE; orderLife[who] = ORDER_LIFE
}

inline unqueue(n) {
    queued[n] = 0; queuedStep[n] = 0; queuedLife[n] = 0
}

inline outdate(what) {
    if :: what == CURRENT -> what = STALE :: else fi
}

/* The open step is another now: an answer to the one before changes nothing (OperationMachine.belongs), and is acknowledged. */
inline stepChanges() {
    result[0] = 0; result[1] = 0; late = 0; ordered[0] = 0; ordered[1] = 0;
    outdate(open[0]); outdate(open[1]); outdate(queued[0]); outdate(queued[1]); outdate(order[0]); outdate(order[1])
}

/* A coordinator stands by, or its process is gone: what it held in memory is too. */
inline forget(c) {
    if :: IS_LEADER(c) -> late = 0; ordered[c] = 0 :: else fi;
    leads[c] = STANDS_BY; word[c] = 0;
    COUNTED(c, 0) = 0; COUNTED(c, 1) = 0;
    forgetOrder(c);
    if :: LINKED(0, c) -> unlink(0) :: else fi;
    if :: LINKED(1, c) -> unlink(1) :: else fi
}
