/* The coordinators. "@ Class.method" names the place in the code; ModelPlacesTest looks whether it is there. */

inline openStepOf(s) {
    stepChanges(); step = s
}

/* The operation ends. What nodes said of the job meanwhile, and what is not known of it, is asked again. */
inline endOperation(c) {
    stepChanges();
    step = 0; kind = 0; operationLife = 0; source = 0; target = 0; restores = 0; whole = 0;
    if :: LINKED(0, c) && (deferred[0] || (jobState == UNREACHABLE && home == 0)) -> unlink(0) :: else fi;
    if :: LINKED(1, c) && (deferred[1] || (jobState == UNREACHABLE && home == 1)) -> unlink(1) :: else fi
}

inline nextLife() {
    life++; home = target; jobState = RESTORING
}

inline restoreFailed(c) {
    jobState = SUSPENDED; restores++;
    if
    :: restores < MOST_RESTORES -> openStepOf(FALL_BACK)
    :: else -> endOperation(c)
    fi
}

inline dumped() {
#ifdef KILL_BEFORE_COMMIT
    openStepOf(KILL)
#else
    openStepOf(COMMIT)
#endif
}

inline killed() {
#ifdef KILL_BEFORE_COMMIT
    if :: kind == MIGRATION && life == operationLife -> openStepOf(COMMIT) :: else -> openStepOf(RESTORE) fi
#else
    openStepOf(RESTORE)
#endif
}

/* Writes what a daemon's answer to the open step makes of the job, and opens the next one. */
inline answered(c, good) {
    if
    :: step == DUMP && good -> dumped()
    :: step == DUMP && !good -> openStepOf(THAW)
    :: step == KILL && good -> killed()
    :: step == KILL && !good -> openStepOf(KILL)
    :: step == THAW -> endOperation(c)
    :: step == RESTORE && good ->
        if :: jobState == RESTORING || jobState == UNREACHABLE -> jobState = RUNNING :: else fi;
        endOperation(c)
    :: step == RESTORE && !good -> restoreFailed(c)
    fi
}

/* Takes the lead, and drives the open operation. */
proctype Engine(bit c) {
end:
    do
    /* @ LeaderRow.take, Member.lead, Leases.Leases: also while the one before believes to lead, which is one of the faults. Of two that stand by
     * the first does, because nothing tells them apart. */
    :: atomic { leads[c] == STANDS_BY && (c == 0 || leads[0] != STANDS_BY) && (!IS_LEADER(1 - c) || faults > 0) ->
        if
        :: IS_LEADER(1 - c) ->
            faults--; leads[1 - c] = DEPOSED; late = 0;
            if :: BY_NODE(step) && !proof[STEP_NODE] && !ordered[1 - c] -> holdOrder(1 - c) :: else fi;
            ordered[1 - c] = 0
        :: else
        fi;
        leads[c] = LEADER; word[c] = 1;
        COUNTED(c, 0) = FIRST_COUNT; COUNTED(c, 1) = FIRST_COUNT
    }
    /* @ Term.holds, Member.standBy: a write was refused, or its term is over. It may notice late. */
    :: atomic { leads[c] == DEPOSED -> forget(c) }
    /* @ OperationMachine.standing, OperationRun.order: what is only read is not refused, so it may still see the open step and order it. */
    :: atomic { leads[c] == DEPOSED && BY_NODE(step) && order[c] == 0 && !proof[STEP_NODE] && open[STEP_NODE] != CURRENT && queued[STEP_NODE] != CURRENT -> holdOrder(c) }
    /* @ Verbs.migrate, Opening.open, LocalSteps.reserve */
    :: atomic { MAY_WRITE(c) && step == 0 && operationsLeft > 0 && jobState == RUNNING && !proof[home] ->
        WRITTEN_BY(c);
        operationsLeft--; kind = MIGRATION; operationLife = life; source = home; target = 1 - home;
        openStepOf(DUMP)
    }
    /* @ Verbs.restore, Verbs.requireStopped, NodeLoss.restorable: of a job that is stopped, or whose node's lease has ended. */
    :: atomic { MAY_WRITE(c) && step == 0 && operationsLeft > 0 && committed &&
                (jobState == SUSPENDED || jobState == LOST || (jobState == UNREACHABLE && proof[home])) && !(proof[0] && proof[1]) ->
        WRITTEN_BY(c);
        if
        :: !proof[0] -> target = 0
        :: !proof[1] -> target = 1
        fi;
        operationsLeft--; kind = RESTORATION; operationLife = life; source = home;
        openStepOf(COMMIT)
    }
    /* @ LocalSteps.commit, LocalSteps.nextLife: the point of no return. */
    :: atomic { MAY_WRITE(c) && step == COMMIT ->
        WRITTEN_BY(c);
        if
        :: kind == MIGRATION && life == operationLife && (jobState == RUNNING || jobState == UNREACHABLE) ->
            assert(whole);
            committed = 1; nextLife();
#ifdef KILL_BEFORE_COMMIT
            openStepOf(RESTORE)
#else
            openStepOf(KILL)
#endif
        :: kind == MIGRATION && !(life == operationLife && (jobState == RUNNING || jobState == UNREACHABLE)) -> openStepOf(THAW)
        :: kind == RESTORATION && life == operationLife && jobState != RUNNING && (jobState != UNREACHABLE || proof[home]) ->
            nextLife();
            openStepOf(RESTORE)
        :: kind == RESTORATION && !(life == operationLife && jobState != RUNNING && (jobState != UNREACHABLE || proof[home])) -> endOperation(c)
        fi
    }
    /* @ LocalSteps.fallBack: another node, or the same again. */
    :: atomic { MAY_WRITE(c) && step == FALL_BACK ->
        WRITTEN_BY(c);
        if
        :: !proof[1 - target] -> target = 1 - target; nextLife(); openStepOf(RESTORE)
        :: !proof[target] -> nextLife(); openStepOf(RESTORE)
        :: proof[0] && proof[1] -> endOperation(c)
        fi
    }
    /* @ OperationMachine.stopped, NodeSteps.stopped, Proofs.ofNode: the node's lease has ended, so the order will not be done by a life that runs. */
    :: atomic { MAY_WRITE(c) && BY_NODE(step) && proof[STEP_NODE] ->
        WRITTEN_BY(c);
        if
        :: step == KILL -> killed()
        :: step == RESTORE -> restoreFailed(c)
        :: step == DUMP -> if :: ON_NODE -> jobState = UNREACHABLE :: else fi; openStepOf(THAW)
        :: step == THAW -> if :: ON_NODE -> jobState = UNREACHABLE :: else fi; endOperation(c)
        fi
    }
    /* @ OperationMachine.silent, NodeSteps.silent: at any time. A KILL has no deadline, because nothing but a proof allows to go on. */
    :: atomic { MAY_WRITE(c) && (step == DUMP || step == THAW || step == RESTORE) ->
        WRITTEN_BY(c);
        if
        :: step == DUMP -> openStepOf(THAW)
        :: step == THAW -> endOperation(c)
        :: step == RESTORE ->
            if :: jobState == RESTORING -> jobState = UNREACHABLE :: else fi;
            endOperation(c)
        fi
    }
    /* @ OperationMachine.answered, OperationMachine.belongs: a result whose stream has ended since. */
    :: atomic { MAY_WRITE(c) && late != 0 ->
        WRITTEN_BY(c);
        if :: late == GOOD -> answered(c, true) :: else -> answered(c, false) fi
    }
    od
}

/* Watches one node, and speaks with its daemon. */
proctype Directory(bit c; bit n) {
end:
    do
    /* @ LostNodes.record, Leases.isOver: closes a stream that is known to the desk first. */
    :: atomic { MAY_WRITE(c) && COUNTED(c, n) == 0 && !proof[n] ->
        WRITTEN_BY(c);
        if
#ifdef OPENED_AFTER_HELLO
        :: LINKED(n, c) && hello[n] == RECONCILED -> unlink(n)
        :: !(LINKED(n, c) && hello[n] == RECONCILED) -> skip
#else
        :: LINKED(n, c) && hello[n] >= WRITTEN -> unlink(n)
        :: !(LINKED(n, c) && hello[n] >= WRITTEN) -> skip
#endif
        fi;
        proof[n] = 1;
        if :: home == n && jobState == RUNNING -> jobState = UNREACHABLE :: else fi
    }
    /* @ NodeDirectory.down, LostNodes.takeDown */
    :: atomic { MAY_WRITE(c) && !LINKED(n, c) && home == n && jobState == RUNNING ->
        WRITTEN_BY(c);
        jobState = UNREACHABLE
    }
    /* @ NodeStream.begin, NodeDirectory.hello, Leases.answered: counts as an answer, then takes the proof out of the record. */
    :: atomic { LINKED(n, c) && hello[n] == SAID && MAY_WRITE(c) ->
        WRITTEN_BY(c);
        COUNTED(c, n) = 1;
#ifndef PROOF_STAYS
        proof[n] = 0;
#endif
        hello[n] = WRITTEN
    }
    /* @ NodeStream.take: whoever no longer leads takes no Hello. */
    :: atomic { LINKED(n, c) && hello[n] == SAID && !MAY_WRITE(c) -> unlink(n) }
    /* @ Reconciler.standing, NodeSession.welcome, Reconciler.hello, Reconciler.reconcile, Reconciler.running, Reconciler.frozen, JobEnds.lost:
     * the life that stands on the node goes into the Welcome; then what the daemon said is compared with the record. */
    :: atomic { LINKED(n, c) && hello[n] == WRITTEN ->
        welcome[n] = ((home == n && ON_NODE) -> life + 1 : 1);
        hello[n] = RECONCILED;
        if :: IS_LEADER(c) && BY_NODE(step) && STEP_NODE == n -> ordered[c] = 0 :: else fi;
        if :: step != 0 -> deferred[n] = 1 :: else fi;
        if
        :: saidState[n] != 0 && saidState[n] != KILLED && !(home == n && life == saidLife[n]) ->
            if :: step == 0 && life >= saidLife[n] -> queued[n] = NO_STEP; queuedStep[n] = KILL; queuedLife[n] = saidLife[n] :: else fi
        :: saidState[n] == RUNNING && home == n && life == saidLife[n] ->
            if
            :: jobState == UNREACHABLE && MAY_WRITE(c) -> WRITTEN_BY(c); jobState = RUNNING
            :: (jobState == SUSPENDED || jobState == LOST) && step == 0 -> queued[n] = NO_STEP; queuedStep[n] = KILL; queuedLife[n] = saidLife[n]
            :: else
            fi
        :: saidState[n] == FROZEN && home == n && life == saidLife[n] && step == 0 ->
            queued[n] = NO_STEP; queuedLife[n] = saidLife[n];
            if
            :: jobState == RUNNING || jobState == UNREACHABLE -> queuedStep[n] = THAW
            :: jobState == SUSPENDED || jobState == LOST -> queuedStep[n] = KILL
            :: jobState == RESTORING -> unqueue(n)
            fi
        :: else
        fi;
        if
        :: home == n && step == 0 && (jobState == RUNNING || jobState == UNREACHABLE) && MAY_WRITE(c) &&
           (saidState[n] == 0 || saidState[n] == KILLED) -> WRITTEN_BY(c); jobState = LOST
        :: else
        fi;
        saidLife[n] = 0; saidState[n] = 0
    }
    /* @ Reconciler.report, JobEnds.apply: with a result, or by itself. */
    :: atomic { LINKED(n, c) && hello[n] == RECONCILED && MAY_WRITE(c) && home == n && journalLife[n] == life && up[n] &&
                ((journalState[n] == RUNNING && jobState == UNREACHABLE) ||
                    (journalState[n] == KILLED && (jobState == RUNNING || jobState == UNREACHABLE))) ->
        WRITTEN_BY(c);
        jobState = ((journalState[n] == RUNNING) -> RUNNING : LOST)
    }
    /* @ LinkSession.open, JobRegistry.unacknowledged, CommandDesk.result, NodeSteps.apply, CommandDesk.acknowledge: written down by the leader, refused from another. */
    :: atomic { LINKED(n, c) && hello[n] == RECONCILED && MAY_WRITE(c) && up[n] && result[n] != 0 ->
        WRITTEN_BY(c);
        if :: result[n] == GOOD -> answered(c, true) :: else -> answered(c, false) fi
    }
    /* @ OperationEngine.resumeAll, CommandDesk.order, CommandDesk.resend, JobAgent.submit: again on each stream; the daemon drops the second of two. */
    :: atomic { LINKED(n, c) && hello[n] == RECONCILED && IS_LEADER(c) && BY_NODE(step) && STEP_NODE == n && !proof[n] && !ordered[c] &&
                queued[n] == 0 && open[n] != CURRENT && result[n] == 0 ->
        queued[n] = CURRENT; queuedStep[n] = step; queuedLife[n] = ORDER_LIFE; ordered[c] = 1
    }
    /* @ CommandDesk.order: by one that no longer leads, on a stream that it has from before. */
    :: atomic { LINKED(n, c) && hello[n] == RECONCILED && leads[c] == DEPOSED && order[c] != 0 && orderNode[c] == n && queued[n] == 0 &&
                !(order[c] == CURRENT && (open[n] == CURRENT || result[n] != 0)) ->
        queued[n] = order[c]; queuedStep[n] = orderStep[c]; queuedLife[n] = orderLife[c];
        forgetOrder(c)
    }
    /* @ NodeStream.take, NodeSession.answer, Leases.mayAnswer: a heartbeat that is taken in while the term holds is answered. */
    :: atomic { LINKED(n, c) && hello[n] == RECONCILED && welcome[n] == 0 && !lease[n] && !asked[n] && HOLDS_TERM(c) && MAY_ANSWER(c) ->
        COUNTED(c, n) = 1; asked[n] = 1
    }
    od
}
