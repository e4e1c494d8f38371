package dev.ferry.storage.plain;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import dev.ferry.storage.look.CriuFile;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * Takes from the processes of a dump what no job has: a process of a machine may have all of root's rights. CRIU gives each thread
 * the rights that its core file names, so they are bounded there, in memory; the image stays as it was made.
 */
public final class PlainRights {
    private static final String FILTERS = "seccomp.img";
    private static final int TASK = 3;
    private static final int THREAD = 5;
    private static final int CREDENTIALS = 10;
    private static final int INHERITABLE = 9;
    private static final int PERMITTED = 10;
    private static final int EFFECTIVE = 11;
    private static final int BOUNDING = 12;
    private static final int NO_NEW_PRIVILEGES = 18;
    private static final int AMBIENT = 19;
    private static final int FILTER_MODE = 2;
    private static final int STRICT_MODE = 1;
    private static final int OLD_FILTER_MODE = 11;
    private static final int OLD_FILTER = 12;
    /** Of the signal that a thread gets when its parent ends. */
    private static final int PARENT_DEATH = 8;
    /** SCHED_OTHER, BATCH and IDLE; all others go before other programs. */
    private static final List<Long> USUAL_POLICIES = List.of(0L, 3L, 5L);

    private final long capabilities;
    private final int filter;
    private final int ownFilters;

    /**
     * @param filter the last of a job's filters, by its place in the file; below 0: a job has none
     * @param ownFilters how many the dump has, which lie before the job's
     */
    private PlainRights(long capabilities, int filter, int ownFilters) {
        this.capabilities = capabilities;
        this.filter = filter;
        this.ownFilters = ownFilters;
    }

    /**
     * A seccomp filter.
     *
     * @param flags as the kernel has them
     * @param instructions 8 bytes each, as the kernel has them
     */
    public record Filter(int flags, byte[] instructions) {}

    /**
     * The files that CRIU must get in the place of those that the dump has.
     *
     * @param capabilities that a job has, a bit each
     * @param filters those of a job's first process, the oldest first; they come before those that the processes have
     */
    public static Map<String, byte[]> bounded(PlainDump dump, long capabilities, List<Filter> filters) {
        Map<String, byte[]> files = new HashMap<>();
        int first = 0;
        int ownFilters = 0;
        if (!filters.isEmpty()) {
            CriuFile own = dump.file(FILTERS);
            List<UnknownFieldSet> all = new ArrayList<>(own.entries().stream().flatMap(entry -> entry.messages(1).stream()).map(CriuFile.Entry::fields).toList());
            ownFilters = all.size();
            first = all.size() + filters.size() - 1;
            files.put(FILTERS, new CriuFile(own.magic(), List.of(new CriuFile.Entry(chained(all, filters)))).content());
        }
        PlainRights rights = new PlainRights(capabilities, filters.isEmpty() ? -1 : first, ownFilters);
        for (PlainDump.Task task : dump.tasks()) {
            for (int thread : task.threads()) {
                String name = "core-" + thread + ".img";
                CriuFile core = dump.file(name);
                boolean ofRoot = task.pid() == dump.rootPid();
                files.put(name, new CriuFile(core.magic(), core.entries().stream().map(entry -> new CriuFile.Entry(rights.core(entry.fields(), ofRoot))).toList()).content());
            }
        }
        return files;
    }

    /** Each filter names the one that was there before it: those that had none get the last of the job's. */
    private static UnknownFieldSet chained(List<UnknownFieldSet> own, List<Filter> filters) {
        int begin = own.size();
        Field.Builder all = Field.newBuilder();
        for (int i = 0; i < own.size(); i++) {
            UnknownFieldSet one = own.get(i);
            // Only one before it can have been there before it.
            boolean named = one.hasField(2) && Long.compareUnsigned(number(one, 2), i) < 0;
            all.addLengthDelimited((named ? one : with(one, 2, begin + filters.size() - 1L)).toByteString());
        }
        for (int i = 0; i < filters.size(); i++) {
            UnknownFieldSet.Builder added = UnknownFieldSet.newBuilder().addField(1, Field.newBuilder().addLengthDelimited(ByteString.copyFrom(filters.get(i).instructions())).build());
            if (i > 0) {
                added.addField(2, number(begin + i - 1L));
            }
            all.addLengthDelimited(added.addField(3, number(Integer.toUnsignedLong(filters.get(i).flags()))).build().toByteString());
        }
        return UnknownFieldSet.newBuilder().addField(1, all.build()).build();
    }

    /** The parent of the first process ends with the restore: it is criu. */
    private UnknownFieldSet core(UnknownFieldSet core, boolean ofRoot) {
        UnknownFieldSet.Builder bounded = core.toBuilder();
        message(core, TASK, bounded, PlainRights::task);
        message(core, THREAD, bounded, thread -> ofRoot ? thread(thread).toBuilder().clearField(PARENT_DEATH).build() : thread(thread));
        return bounded.build();
    }

    /** Nothing may be spared when memory is short. Filters that older versions of criu wrote here would take the place of those of the threads. */
    private static UnknownFieldSet task(UnknownFieldSet task) {
        UnknownFieldSet bounded = task.toBuilder().clearField(OLD_FILTER_MODE).clearField(OLD_FILTER).build();
        return number(bounded, 14) < 0 ? with(bounded, 14, 0) : bounded;
    }

    private UnknownFieldSet thread(UnknownFieldSet thread) {
        UnknownFieldSet bounded = thread;
        // The nice value is a zigzag number: an odd one is negative.
        if ((number(thread, 3) & 1) == 1) {
            bounded = with(bounded, 3, 0);
        }
        if (!USUAL_POLICIES.contains(number(thread, 4))) {
            bounded = with(with(bounded, 4, 0), 5, 0);
        }
        // A filter of the dump's own is chained behind the job's; a thread that names none of those gets the job's alone.
        boolean hasOwn = number(thread, 11) == FILTER_MODE && thread.hasField(12) && Long.compareUnsigned(number(thread, 12), ownFilters) < 0;
        if (filter >= 0 && number(thread, 11) != STRICT_MODE && !hasOwn) {
            bounded = with(with(bounded, 11, FILTER_MODE), 12, filter);
        }
        UnknownFieldSet.Builder whole = bounded.toBuilder();
        message(bounded, CREDENTIALS, whole, this::credentials);
        return whole.build();
    }

    private UnknownFieldSet credentials(UnknownFieldSet credentials) {
        UnknownFieldSet.Builder bounded = credentials.toBuilder();
        for (int set : List.of(PERMITTED, EFFECTIVE, BOUNDING)) {
            List<Long> words = new CriuFile.Entry(credentials).numbers(set);
            Field.Builder kept = Field.newBuilder();
            for (int i = 0; i < words.size(); i++) {
                kept.addVarint(words.get(i) & (capabilities >>> (Integer.SIZE * i)) & 0xffffffffL);
            }
            bounded.clearField(set).addField(set, kept.build());
        }
        // A job's command has none that it could hand on.
        for (int set : List.of(INHERITABLE, AMBIENT)) {
            Field.Builder none = Field.newBuilder();
            LongStream.range(0, new CriuFile.Entry(credentials).numbers(set).size()).forEach(word -> none.addVarint(0));
            bounded.clearField(set).addField(set, none.build());
        }
        return with(bounded.build(), NO_NEW_PRIVILEGES, 1);
    }

    private interface Change {
        UnknownFieldSet of(UnknownFieldSet message);
    }

    private static void message(UnknownFieldSet from, int field, UnknownFieldSet.Builder into, Change change) {
        if (from.hasField(field)) {
            UnknownFieldSet changed = change.of(new CriuFile.Entry(from).message(field).fields());
            into.clearField(field).addField(field, Field.newBuilder().addLengthDelimited(changed.toByteString()).build());
        }
    }

    private static long number(UnknownFieldSet message, int field) {
        return new CriuFile.Entry(message).number(field);
    }

    private static UnknownFieldSet with(UnknownFieldSet message, int field, long value) {
        return message.toBuilder().clearField(field).addField(field, number(value)).build();
    }

    private static Field number(long value) {
        return Field.newBuilder().addVarint(value).build();
    }
}
