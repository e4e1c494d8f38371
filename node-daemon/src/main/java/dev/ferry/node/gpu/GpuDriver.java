package dev.ferry.node.gpu;

import dev.ferry.common.Durations;
import dev.ferry.common.FerryException;
import dev.ferry.node.sandbox.JobProcess;
import dev.ferry.proto.v1.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ObjLongConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The driver's calls on one process each. A process is named by pid and start time, so that no other one is ever meant. A call that does
 * not come back in time is left in flight and the process is stuck: every later call on it is refused by the helper.
 */
public final class GpuDriver {
    private static final Duration SHORT = Duration.ofSeconds(20);
    private static final Duration LOCK_GRACE = Duration.ofSeconds(3);
    private static final long LOOK_NANOS = 20_000_000;

    private final GpuHelper helper;
    private final Duration callTimeout;
    private final Duration lockTimeout;
    private volatile ObjLongConsumer<String> onAnswer = (verb, micros) -> {};

    GpuDriver(GpuHelper helper, GpuConfig config) {
        this.helper = helper;
        callTimeout = Durations.parse(config.callTimeout());
        lockTimeout = Durations.parse(config.lockTimeout());
    }

    /** How the driver answered: one of CUresult, and a value where the call has one. */
    record Answer(int error, int value, long micros) {
        boolean ok() {
            return error == CudaResult.SUCCESS;
        }
    }

    /** What the driver says of itself; asked, never assumed. */
    public record Facts(String version, int cuda, String way, int initialized, String missing) {
        /** Whether GPU state can be saved here at all. */
        public boolean canSave() {
            return !way.equals("none");
        }

        /** Major number of the display driver; 0: not known. */
        public int major() {
            String first = version.split("\\.", 2)[0];
            return first.matches("\\d{1,6}") ? Integer.parseInt(first) : 0;
        }
    }

    /** Sets who is told of each call that came back how long it was in the driver, microseconds; by several threads. */
    void onAnswer(ObjLongConsumer<String> listener) {
        onAnswer = listener;
    }

    Facts facts() throws IOException, InterruptedException {
        HelperWords words = look("info");
        return new Facts(words.text("driver"), (int) words.number("cuda"), words.text("way"), (int) words.number("init"), words.text("missing"));
    }

    HelperWords devices() throws IOException, InterruptedException {
        return timed(look("devices"));
    }

    /** The same after NVML was begun anew: it lists what there was when it began. */
    HelperWords devicesAnew() throws IOException, InterruptedException {
        return timed(look("devices anew"));
    }

    private HelperWords timed(HelperWords words) {
        onAnswer.accept("devices", words.number("micros"));
        return words;
    }

    private HelperWords look(String request) throws IOException, InterruptedException {
        long end = System.nanoTime() + SHORT.toNanos();
        while (true) {
            HelperWords words = helper.ask(request, SHORT);
            if (words.ok()) {
                return words;
            }
            // The helper looks for one at a time: the meter's look must not fail a job's dump.
            if (!words.refusal().startsWith("busy") && !words.isEnding() || System.nanoTime() > end) {
                throw new FerryException(ErrorCode.GPU_UNAVAILABLE, "The GPUs can't be looked at: " + (words.refusal().startsWith("busy") ? "the driver does not answer an earlier look" : "NVML " + words.refusal()));
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    /** Whether a process holds CUDA state: get-state can't tell, the thread that carries checkpoints out can. */
    boolean holdsState(JobProcess process) throws IOException, InterruptedException {
        Answer answer = call(process, "thread", "", SHORT);
        if (answer.error() == CudaResult.NOT_INITIALIZED) {
            return false;
        }
        require(answer, process, "asked for its driver's thread");
        return true;
    }

    public CudaState state(JobProcess process) throws IOException, InterruptedException {
        Answer answer = call(process, "state", "", SHORT);
        require(answer, process, "asked for its state");
        return CudaState.of(answer.value());
    }

    Answer lock(JobProcess process, Duration atMost) throws IOException, InterruptedException {
        return call(process, "lock", " " + Math.max(1, atMost.toMillis()), atMost.plus(LOCK_GRACE));
    }

    Answer checkpoint(JobProcess process) throws IOException, InterruptedException {
        return call(process, "checkpoint", "", callTimeout);
    }

    Answer restore(JobProcess process, List<GpuPair> map) throws IOException, InterruptedException {
        boolean identity = map.stream().allMatch(pair -> pair.before().equals(pair.after()));
        String words = identity ? "-" : map.stream().map(pair -> hex(pair.before()) + "=" + hex(pair.after())).collect(Collectors.joining(","));
        return call(process, "restore", " " + words, callTimeout);
    }

    Answer unlock(JobProcess process) throws IOException, InterruptedException {
        return call(process, "unlock", "", atMost("unlock"));
    }

    /** {@code GPU-} and a UUID, as NVML and nvidia-smi write it, as 32 hexadecimal digits. */
    private static String hex(String uuid) {
        String digits = uuid.replaceFirst("^GPU-", "").replace("-", "");
        return HexFormat.of().formatHex(HexFormat.of().parseHex(digits));
    }

    /** How long a call may be in flight, whoever made it. */
    private Duration atMost(String verb) {
        return switch (verb) {
            case "checkpoint", "restore" -> callTimeout;
            case "lock" -> lockTimeout.plus(LOCK_GRACE);
            default -> callTimeout.compareTo(SHORT) < 0 ? callTimeout : SHORT;
        };
    }

    /**
     * Makes a call; one that is still in flight on the process, perhaps of an earlier daemon, is waited for first.
     *
     * @throws FerryException GPU_STUCK when no answer comes in time or an earlier call does not come back, WRONG_STATE when the process has
     *     ended
     * @throws GpuHelper.Gone when the helper died: what the call did is not known
     */
    private Answer call(JobProcess process, String verb, String more, Duration atMost) throws IOException, InterruptedException {
        long end = System.nanoTime() + atMost.toNanos();
        while (true) {
            HelperWords words;
            try {
                words = helper.ask(verb + " " + process.pid() + " " + process.startTime() + more, atMost);
            } catch (GpuHelper.Late late) {
                throw stuck(process, "the driver's call '" + verb + "' has not come back within " + Durations.format(atMost), late);
            }
            if (words.ok()) {
                onAnswer.accept(verb, words.number("micros"));
                return new Answer((int) words.number("error"), (int) words.number("value"), words.number("micros"));
            }
            String[] why = words.refusal().split(" ", 3);
            if ((why[0].equals("full") || words.isEnding()) && System.nanoTime() < end) {
                // So many processes were asked at a time, and answers take no time; or the next request finds another helper.
                LockSupport.parkNanos(LOOK_NANOS);
                continue;
            }
            if (!why[0].equals("busy")) {
                throw why[0].equals("gone")
                        ? new FerryException(ErrorCode.WRONG_STATE, "Process " + process.pid() + " of the job has ended")
                        : new FerryException(ErrorCode.GPU_UNAVAILABLE, "The helper refuses '" + verb + "' on process " + process.pid() + ": " + words.refusal());
            }
            Duration since = Duration.ofMillis(Long.parseLong(why[2]));
            if (since.compareTo(atMost(why[1])) > 0) {
                throw stuck(process, "the driver's call '" + why[1] + "' has been in flight for " + Durations.format(since), null);
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private static FerryException stuck(JobProcess process, String what, @Nullable Throwable cause) {
        return new FerryException(ErrorCode.GPU_STUCK, "Process " + process.pid() + " is stuck in the GPU's driver: " + what + "; nothing of it is repeated or killed", cause);
    }

    private static void require(Answer answer, JobProcess process, String what) {
        if (answer.error() == CudaResult.NOT_SUPPORTED) {
            throw new FerryException(ErrorCode.GPU_UNAVAILABLE, "This driver can't save GPU state: process " + process.pid() + " was " + what + ", the answer is " + CudaResult.name(answer.error()));
        }
        if (!answer.ok()) {
            throw new FerryException(ErrorCode.GPU_SAVE_FAILED, "Process " + process.pid() + " was " + what + ", the driver answers " + CudaResult.name(answer.error()));
        }
    }
}
