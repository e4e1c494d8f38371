/* A node: its daemon, and its watchdog. "@ Class.method" names the place in the code; ModelPlacesTest looks whether it is there. */

/* The order that was begun has ended: its result is in the journal before it is said. */
inline finish(n, how) {
    if :: open[n] == CURRENT -> result[n] = how :: else fi;
    open[n] = 0; openStep[n] = 0; openPhase[n] = 0; recovers[n] = 0
}

/* Refused before it was begun. */
inline refuse(n) {
    if :: queued[n] == CURRENT -> result[n] = BAD :: else fi
}

inline kill(n) {
    if
    :: process[n] != 0 ->
        /* Commit before kill: the job has an image, and a migration loses nothing that was done after it. */
        assert(committed);
        if :: open[n] != NO_STEP -> assert(!ranOn[n]) :: else fi
    :: else
    fi;
    process[n] = 0; frozen[n] = 0; ranOn[n] = 0
}

inline unmake(n) {
    process[n] = 0; frozen[n] = 0; ranOn[n] = 0; held[n] = 0; journalState[n] = KILLED
}

inline thaw(n) {
    if :: process[n] != 0 && !held[n] -> frozen[n] = 0; ranOn[n] = 1 :: else fi
}

/* The lives that stand: another one is held before the lease is renewed, which thaws. */
inline stands(n, standing) {
    if
    :: (journalState[n] == RUNNING || journalState[n] == FROZEN || journalState[n] == CREATING) ->
        if
        :: journalLife[n] != standing ->
            held[n] = 1;
            if :: process[n] != 0 -> frozen[n] = 1 :: else fi;
            if :: journalState[n] == CREATING -> process[n] = 0; frozen[n] = 0; ranOn[n] = 0 :: else fi
        :: journalLife[n] == standing && held[n] ->
            held[n] = 0;
            if :: journalState[n] == RUNNING -> thaw(n) :: else fi
        :: else
        fi
    :: else
    fi
}

inline renewFromHello(n) {
    if :: asked[n] -> lease[n] = 1 :: else fi
}

proctype Daemon(bit n) {
end:
    do
    /* @ CoordinatorLink.dial, LinkSession.open, JobRegistry.beginStream, OrderStreams.begin: an order of an earlier stream is passed over. */
    :: atomic { up[n] && link[n] == 0 && (IS_LEADER(0) || IS_LEADER(1)) ->
        link[n] = (IS_LEADER(0) -> 1 : 2);
        hello[n] = SAID; asked[n] = 1; saidLife[n] = journalLife[n]; saidState[n] = journalState[n];
#ifndef NO_STREAM_NUMBERS
        unqueue(n)
#endif
    }
    /* @ LinkSession.welcomed, JobRegistry.standing, JobAgent.stands, Holds.hold, NodeLease.renew */
    :: atomic { up[n] && welcome[n] != 0 && link[n] != 0 ->
#ifdef NO_HOLD
        skip;
#else
        stands(n, welcome[n] - 1);
#endif
        renewFromHello(n);
        welcome[n] = 0; asked[n] = 0
    }
    /* @ LinkSession.answered, NodeLease.renew */
    :: atomic { up[n] && link[n] != 0 && hello[n] == RECONCILED && welcome[n] == 0 && asked[n] ->
        lease[n] = 1; asked[n] = 0
    }
    /* @ OrderRunner.execute, OrderRunner.awaitLease, Fence.check, WaitingOrders.begin, OrderActs.open */
    :: atomic { up[n] && queued[n] != 0 && open[n] == 0 && welcome[n] == 0 && (lease[n] || queuedStep[n] == KILL || queuedStep[n] == THAW) ->
        if
        :: queuedLife[n] < highestLife[n] && !(queuedStep[n] == KILL && journalLife[n] <= queuedLife[n]) -> refuse(n)
        :: else ->
            if
            :: (queuedStep[n] == RESTORE && process[n] != 0) ||
               (queuedStep[n] == DUMP && !(journalLife[n] == queuedLife[n] && journalState[n] == RUNNING)) ||
               (queuedStep[n] == THAW && !(journalLife[n] == queuedLife[n] && (journalState[n] == RUNNING || journalState[n] == FROZEN))) -> refuse(n)
            :: else ->
                open[n] = queued[n]; openStep[n] = queuedStep[n];
                journalLife[n] = queuedLife[n];
                if :: highestLife[n] < queuedLife[n] -> highestLife[n] = queuedLife[n] :: else fi;
                if :: queuedStep[n] == RESTORE -> journalState[n] = CREATING; held[n] = 0 :: else fi
            fi
        fi;
        unqueue(n)
    }
    /* @ DumpAction.run, GpuPhase.saveAndFreeze, DumpAction.capture: all stands still, and its state is taken. */
    :: atomic { up[n] && openStep[n] == DUMP && openPhase[n] == 0 && !recovers[n] ->
        if :: process[n] != 0 -> frozen[n] = 1; ranOn[n] = 0 :: else fi;
        openPhase[n] = 1
    }
    /* @ ImageWriter.commit: the manifest is there, and so the image is whole. */
    :: atomic { up[n] && openStep[n] == DUMP && openPhase[n] == 1 && !recovers[n] ->
        openPhase[n] = 2;
        if :: open[n] == CURRENT -> whole = 1 :: else fi
    }
    /* @ DumpAction.run, OrderRunner.finish: it stays frozen until the coordinator's word. */
    :: atomic { up[n] && openStep[n] == DUMP && !recovers[n] &&
#ifdef RESULT_BEFORE_WHOLE
                openPhase[n] >= 1 && openPhase[n] <= 2 ->
#else
                openPhase[n] == 2 ->
#endif
        journalState[n] = FROZEN; finish(n, GOOD)
    }
    /* @ GpuPhase.undo: CRIU, the store or the deadline failed, also behind the manifest's last byte. The job goes on. */
    :: atomic { up[n] && openStep[n] == DUMP && (openPhase[n] == 1 || openPhase[n] == 2) && !recovers[n] -> thaw(n); openPhase[n] = openPhase[n] + 2 }
    /* @ OrderRunner.execute, OrderRunner.finish: the dump's failure is in the journal. */
    :: atomic { up[n] && openStep[n] == DUMP && openPhase[n] > 2 && !recovers[n] -> finish(n, BAD) }
    /* @ EndActions.kill, EndActions.killProcesses, Recovery.resolve: an earlier daemon's kill is done again. */
    :: atomic { up[n] && openStep[n] == KILL && openPhase[n] == 0 -> kill(n); openPhase[n] = 1 }
    /* @ EndActions.kill, OrderRunner.finish */
    :: atomic { up[n] && openStep[n] == KILL && openPhase[n] == 1 -> journalState[n] = KILLED; held[n] = 0; finish(n, GOOD) }
    /* @ EndActions.thaw, JobCgroup.thaw, Recovery.resolve */
    :: atomic { up[n] && openStep[n] == THAW && openPhase[n] == 0 -> thaw(n); openPhase[n] = 1 }
    /* @ EndActions.thaw, OrderRunner.finish */
    :: atomic { up[n] && openStep[n] == THAW && openPhase[n] == 1 ->
        if
        :: process[n] != 0 && !held[n] -> journalState[n] = RUNNING; finish(n, GOOD)
        :: else -> finish(n, BAD)
        fi
    }
    /* @ RestoreAction.run, Holds.requireThatItStands, CriuRestore.restore: the processes are there, and run. */
    :: atomic { up[n] && openStep[n] == RESTORE && openPhase[n] == 0 && !recovers[n] && !held[n] ->
        assert(committed);
        process[n] = journalLife[n]; frozen[n] = 0; ranOn[n] = 1; openPhase[n] = 1
    }
    /* @ RestoreAction.run, OrderRunner.finish */
    :: atomic { up[n] && openStep[n] == RESTORE && openPhase[n] == 1 && !recovers[n] && process[n] != 0 -> journalState[n] = RUNNING; finish(n, GOOD) }
    /* @ RestoreAction.run, EndActions.killAll, OrderRunner.afterFailure: nothing is left of it. */
    :: atomic { up[n] && openStep[n] == RESTORE && !recovers[n] -> unmake(n); finish(n, BAD) }
    /* @ Recovery.resolveDump, Recovery.wholeImage: finished if the image is whole and the job stood still since, else undone. */
    :: atomic { up[n] && openStep[n] == DUMP && recovers[n] ->
        if
        :: (openPhase[n] == 2 || openPhase[n] == 4) && frozen[n] -> journalState[n] = FROZEN; finish(n, GOOD)
        :: else -> thaw(n); finish(n, BAD)
        fi
    }
    /* @ Recovery.resolveRestore, Recovery.undoCreation */
    :: atomic { up[n] && openStep[n] == RESTORE && recovers[n] -> unmake(n); finish(n, BAD) }
    /* @ NodeDaemon.start, JobRegistry.recover, Recovery.run, Recovery.goOn */
    :: atomic { !up[n] ->
        up[n] = 1;
        if
        :: open[n] != 0 -> recovers[n] = 1
        :: open[n] == 0 && journalState[n] == RUNNING -> thaw(n)
        :: else
        fi
    }
    od
}
