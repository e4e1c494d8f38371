/*
 * The migration and the lease, for Spin: docs/model.md says what is modelled, what is not, and how large it is.
 *
 *   spin -a ferry.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan
 *
 * A bug is planted with -D: `spin -DNO_EPOCH_CHECK -a ferry.pml`.
 */
#include "state.pml"
#include "coordinator.pml"
#include "node.pml"

inline endLease(n) {
    if :: !ANSWERED(n) -> lease[n] = 0 :: else fi;
#ifndef COUNTS_FROM_THE_ANSWER
    asked[n] = 0
#endif
}

inline count(c, n) {
    if :: COUNTED(c, n) > 0 && !ANSWERED_BY(n, c) -> COUNTED(c, n)-- :: else fi
}

inline tick() {
    /* First all counts: who is answered is asked by them all. */
    count(0, 0); count(0, 1); count(1, 0); count(1, 1);
    endLease(0); endLease(1);
    word[0] = IS_LEADER(0); word[1] = IS_LEADER(1)
}

proctype Clock() {
end:
    do
    /* @ Leases.counted, LeaseTerms.grace, NodeLease.isOver, ferry-watchdog.c:set_frozen: a lease's time has passed since the last tick. */
    :: atomic { (lease[0] && !ANSWERED(0)) || (lease[1] && !ANSWERED(1)) || asked[0] || asked[1] ||
                (counted[0] > 0 && !ANSWERED_BY(0, 0)) || (counted[1] > 0 && !ANSWERED_BY(1, 0)) ||
                (counted[2] > 0 && !ANSWERED_BY(0, 1)) || (counted[3] > 0 && !ANSWERED_BY(1, 1)) ||
                (word[0] && leads[0] == DEPOSED) || (word[1] && leads[1] == DEPOSED) -> tick() }
#ifdef LEASE_ON_WALL_CLOCK
    /* Planted: somebody sets the coordinator's clock forward. */
    :: atomic { counted[0] > 0 -> counted[0] = 0 }
    :: atomic { counted[2] > 0 -> counted[2] = 0 }
#endif
    od
}

/* What may go wrong, as often as FAULTS says in all. A leader that is deposed while it lives is one of them: see Engine. */
proctype Faults() {
end:
    do
    /* @ CoordinatorLink.dial: the link breaks, for as long as it likes; what was on the way is gone. */
    :: atomic { faults > 0 && link[0] != 0 -> faults--; unlink(0) }
    /* @ CoordinatorLink.dial */
    :: atomic { faults > 0 && link[1] != 0 -> faults--; unlink(1) }
    /* @ LinkSession.awaitEnd: heartbeats come too late, though the link stands. */
    :: atomic { faults > 0 && ANSWERED(0) -> faults--; lease[0] = 0; if :: LINKED(0, 0) -> counted[0] = 0 :: else -> counted[2] = 0 fi }
    /* @ LinkSession.awaitEnd */
    :: atomic { faults > 0 && ANSWERED(1) -> faults--; lease[1] = 0; if :: LINKED(1, 0) -> counted[1] = 0 :: else -> counted[3] = 0 fi }
    /* @ NodeDaemon.start: kill -9 of a daemon. Processes, control groups, watchdog and journal stay. */
    :: atomic { faults > 0 && up[0] -> faults--; up[0] = 0; recovers[0] = 0; unlink(0); unqueue(0) }
    /* @ NodeDaemon.start */
    :: atomic { faults > 0 && up[1] -> faults--; up[1] = 0; recovers[1] = 0; unlink(1); unqueue(1) }
    /* @ Coordinator.leading: kill -9 of a coordinator. */
    :: atomic { faults > 0 && leads[0] != STANDS_BY -> faults--; forget(0) }
    /* @ Coordinator.leading */
    :: atomic { faults > 0 && leads[1] != STANDS_BY -> faults--; forget(1) }
    od
}

/* What must hold in every state, and where nothing more can happen. The assertions of a commit, a kill, a restore and a write are where those are. */
proctype Properties() {
end:
    if
    :: atomic { RUNS(0) && RUNS(1) -> assert(false) }
    :: atomic { process[0] == 0 && process[1] == 0 && !committed -> assert(false) }
    :: atomic { timeout -> assert(step == 0) }
    fi
}

init {
    atomic {
        leads[0] = LEADER; word[0] = 1;
        if :: committed = 1 :: true fi;
        counted[0] = 1; counted[1] = 1;
        up[0] = 1; up[1] = 1; link[0] = 1; link[1] = 1; hello[0] = RECONCILED; hello[1] = RECONCILED;
        lease[0] = 1; lease[1] = 1;
        process[0] = 1; ranOn[0] = 1; journalLife[0] = 1; highestLife[0] = 1; journalState[0] = RUNNING;
        run Engine(0); run Engine(1);
        run Directory(0, 0); run Directory(0, 1); run Directory(1, 0); run Directory(1, 1);
        run Daemon(0); run Daemon(1);
        run Clock(); run Faults(); run Properties()
    }
}
