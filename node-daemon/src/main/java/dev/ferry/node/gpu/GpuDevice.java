package dev.ferry.node.gpu;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One GPU of this node as NVML tells of it.
 *
 * @param uuid as nvidia-smi writes it: GPU- and 36 characters
 * @param minor number of its device node
 * @param load percent of the time in which it did something, of late
 * @param persistent whether the driver keeps it begun while nobody uses it (persistence mode)
 * @param sick why it must get no new jobs; empty: it is well
 * @param users host pid of each process that holds memory there, and how many bytes
 * @param listed whether these are all: NVML may refuse the list, or not know how much a process has
 */
public record GpuDevice(String uuid, String model, int minor, long memoryBytes, long usedBytes, int load, boolean mig, boolean persistent, String sick, Map<Integer, Long> users, boolean listed) {
    private static final int LOST = 15;
    private static final String UNREAD = "NVML can't read it";
    private static final String FALLEN = "it has fallen off the bus (NVML: GPU is lost)";

    static List<GpuDevice> of(HelperWords words) {
        List<GpuDevice> devices = new ArrayList<>();
        List<HelperWords.Word> one = new ArrayList<>();
        for (HelperWords.Word word : words.words()) {
            if (word.key().equals("gpu") && !one.isEmpty()) {
                devices.add(ofOne(one));
                one.clear();
            }
            one.add(word);
        }
        if (!one.isEmpty() && one.getFirst().key().equals("gpu")) {
            devices.add(ofOne(one));
        }
        return devices;
    }

    private static GpuDevice ofOne(List<HelperWords.Word> words) {
        HelperWords one = new HelperWords(true, "", List.copyOf(words));
        Map<Integer, Long> users = new java.util.TreeMap<>();
        for (HelperWords.Word word : words) {
            String[] parts = word.value().split(":", 2);
            if (word.key().equals("process") && parts.length == 2 && word.value().matches("\\d{1,9}:\\d{1,18}")) {
                users.put(Integer.parseInt(parts[0]), Long.parseLong(parts[1]));
            }
        }
        boolean listed = one.text("processes").equals(Integer.toString(users.size()));
        return new GpuDevice(
                one.text("gpu"), one.text("name"), (int) one.number("minor"), one.number("total"), one.number("used"), (int) one.number("load"), one.number("mig") == 1, one.number("persistence") == 1, sickness(one), users, listed);
    }

    private static String sickness(HelperWords one) {
        if (one.number("error") == LOST) {
            return FALLEN;
        }
        if (one.number("error") != 0) {
            return UNREAD + " (error " + one.number("error") + ")";
        }
        Optional<String> xid = one.words().stream().filter(word -> word.key().equals("xid")).flatMap(word -> Xids.failure(HelperWords.number(word)).stream()).findFirst();
        if (xid.isPresent()) {
            return xid.get();
        }
        if (one.number("remap") != 0) {
            return "a row of its memory could not be remapped";
        }
        return one.number("uncorrected") > 0 ? one.number("uncorrected") + " uncorrected memory errors since the driver was loaded" : "";
    }

    /** Why it gets no new jobs now, for people; empty: it may get some. */
    String health() {
        return sick.isEmpty() && mig ? "it is in MIG mode" : sick;
    }

    /** Whether a look tells how this GPU is: one that could not be read, or that nothing was said of, may be well at the next. */
    boolean isTold(List<GpuDevice> now) {
        return now.stream().anyMatch(one -> one.uuid().equals(uuid) && !one.sick().startsWith(UNREAD));
    }

    /** Whether it told what it is when it was looked at: of a lost one NVML has no name, no memory and no node. */
    boolean isRead() {
        return !uuid.isEmpty() && memoryBytes > 0;
    }

    /** This GPU as it is now. One that nothing is said of any more is lost; one that was put in again may have another device node. */
    GpuDevice as(List<GpuDevice> now) {
        Optional<GpuDevice> same = now.stream().filter(one -> one.uuid().equals(uuid)).findFirst();
        int node = same.filter(GpuDevice::isRead).map(GpuDevice::minor).orElse(minor);
        boolean lasts = same.filter(GpuDevice::isRead).map(GpuDevice::persistent).orElse(persistent);
        return new GpuDevice(uuid, model, node, memoryBytes, usedBytes, load, same.map(GpuDevice::mig).orElse(mig), lasts, same.map(GpuDevice::sick).orElse(FALLEN), users, listed);
    }

    /** How many bytes the processes of the job that has this GPU hold there, or more: whose they are NVML may not say, but a GPU is one job's. */
    public long heldBy(Collection<Integer> pids) {
        return listed || pids.isEmpty() ? usedBy(pids) : usedBytes;
    }

    /** How many bytes some processes hold there for sure. */
    public long usedBy(Collection<Integer> pids) {
        return users.entrySet().stream().filter(user -> pids.contains(user.getKey())).mapToLong(Map.Entry::getValue).sum();
    }

    /** Whether it is not there any more, as far as NVML knows. */
    boolean isLost() {
        return sick.equals(FALLEN);
    }
}
