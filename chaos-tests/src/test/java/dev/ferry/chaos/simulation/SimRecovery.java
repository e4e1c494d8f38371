package dev.ferry.chaos.simulation;

import dev.ferry.proto.v1.Command;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.LocalState;
import java.util.Optional;

/** What a daemon does with a job that an earlier daemon left. Mirrors Recovery. */
final class SimRecovery {
    private final SimAgent agent;
    private final SimActs acts;

    SimRecovery(SimAgent agent, SimActs acts) {
        this.agent = agent;
        this.acts = acts;
    }

    void run() {
        // What an older journal calls being made is undone: Recovery.undoCreation kills what is in the job's group.
        if (agent.copy().filter(there -> there.incarnation != agent.record().getIncarnation()).isPresent()) {
            agent.daemon().node().remove(agent.job());
        }
        if (agent.record().hasOpenCommand()) {
            resolve(agent.record().getOpenCommand());
        } else {
            settle();
            agent.done();
        }
    }

    private void settle() {
        if (SimAgent.isLive(agent.record().getState()) && agent.copy().isEmpty()) {
            agent.lost();
            agent.daemon().report(agent.report());
        } else {
            agent.goOn();
        }
    }

    private void resolve(Command open) {
        switch (open.getActionCase()) {
            case START -> {
                if (agent.record().getState() == LocalState.LOCAL_CREATING && agent.copy().isPresent()) {
                    agent.enter(LocalState.LOCAL_RUNNING);
                    agent.finish(open, Optional.empty(), Optional.empty());
                } else {
                    undone(open, ErrorCode.START_FAILED);
                }
            }
            case RESTORE -> undone(open, ErrorCode.RESTORE_FAILED);
            case DUMP -> resolveDump(open);
            case PRE_COPY -> agent.finish(open, Optional.empty(), Optional.of(SimAgent.error(ErrorCode.DEADLINE_EXCEEDED, "the daemon was restarted while it copied ahead")));
            case THAW -> acts.thaw(open);
            case KILL -> acts.kill(open);
            case PARK -> resolvePark(open);
            case UNPARK -> acts.unpark(open);
            case SIGNAL, FORGET, CHECK, ESTIMATE, PREFETCH, FILL, TRY_RESTORE, ACTION_NOT_SET -> agent.finish(open, Optional.empty(), Optional.empty());
        }
        settle();
    }

    private void undone(Command open, ErrorCode code) {
        if (agent.record().getState() != LocalState.LOCAL_CREATING) {
            agent.finish(open, Optional.empty(), Optional.empty());
            return;
        }
        agent.daemon().node().remove(agent.job());
        agent.change(record -> record.setState(LocalState.LOCAL_KILLED).setDiscarded(true));
        agent.finish(open, Optional.empty(), Optional.of(SimAgent.error(code, "the daemon was restarted")));
    }

    private void resolvePark(Command open) {
        if (agent.record().getState() == LocalState.LOCAL_PARKED) {
            agent.finish(open, Optional.empty(), Optional.empty());
            return;
        }
        acts.dumpFailed(open, ErrorCode.GPU_SAVE_FAILED, "the daemon was restarted while the job was being parked");
    }

    private void resolveDump(Command open) {
        boolean stays = open.getDump().getStayFrozen();
        boolean stoodStill = agent.copy().filter(SimNode.Copy::isHeld).isPresent();
        boolean whole = agent.daemon().world().images().get(open.getDump().getImage()).isPresent();
        if (agent.record().getState() == LocalState.LOCAL_FROZEN || (whole && (stoodStill || !stays))) {
            if (stays) {
                agent.enter(LocalState.LOCAL_FROZEN);
            }
            agent.finish(open, Optional.of(acts.image(open)), Optional.empty());
            return;
        }
        acts.dumpFailed(open, ErrorCode.DUMP_FAILED, "the daemon was restarted in the middle of the dump");
    }
}
