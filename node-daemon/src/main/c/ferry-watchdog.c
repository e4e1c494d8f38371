/*
 * ferry-watchdog: freezes a node's jobs before the node's lease ends, whatever has become of the daemon.
 *
 *   ferry-watchdog FOLDER GROUP v1|v2
 *     FOLDER  holds `lease`, the file through which the daemon says until when jobs may run, and `lock`
 *     GROUP   control group that holds all jobs that keep the lease: its folder in the unified hierarchy
 *             (v2) or in that of the freezer (v1)
 *
 * One process for each node, outside the JVM: a stopped, collecting or killed daemon does not delay it. It alone
 * freezes and thaws GROUP, so that no two writers can disagree: frozen from `freeze_at` on, thawed while that is in the
 * future. Jobs' own groups lie below GROUP, and what an operation has frozen there stays frozen.
 *
 * CLOCK_BOOTTIME also counts the time in which the machine was suspended. Nothing is allocated and nothing is waited for
 * that another process could hold up. It ends when GROUP is gone, or when the lease has ended and no process is in GROUP;
 * GROUP stays frozen then, so that nothing that comes into it runs.
 *
 * What it can't freeze or thaw it says on standard error, once for each cause, and goes on trying.
 *
 * Exit status: 0 not needed any more, 3 another watchdog has the folder, 70 it can't work, with the reason on standard error.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "FERRYLS1"

enum { EXIT_OTHER = 3, EXIT_SETUP = 70, LOCK_TRIES = 20 };

#define MILLISECOND 1000000LL
/* How often it looks while the lease holds, while the kernel has not yet frozen all, and while all is frozen. */
#define LOOK_LIVE (50 * MILLISECOND)
#define LOOK_FREEZING (MILLISECOND / 2)
#define LOOK_FROZEN (10 * MILLISECOND)

/* LeaseFile.java writes and reads the same places. Times are nanoseconds of CLOCK_BOOTTIME; 0: never. */
struct lease {
	char magic[8];
	char boot[40];
	/* By the daemon: from when on the jobs must not run. */
	_Atomic int64_t freeze_at;
	/* By the watchdog: its process, when it last looked, since when all is frozen, when it last thawed. */
	_Atomic int64_t pid;
	_Atomic int64_t looked_at;
	_Atomic int64_t frozen_at;
	_Atomic int64_t thawed_at;
};

static const char *group;
static int v1;

static int fail(const char *what, const char *which)
{
	dprintf(2, "ferry-watchdog: %s %s: %s\n", what, which, strerror(errno));
	return EXIT_SETUP;
}

static int64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void sleep_until(int64_t nanos)
{
	struct timespec time = { nanos / 1000000000LL, nanos % 1000000000LL };
	clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &time, NULL);
}

/* Content of a file of a control group; -1 when it can't be read, as when the group is gone. */
static int read_file(const char *folder, const char *name, char *into, size_t size)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	ssize_t got = read(file, into, size - 1);
	close(file);
	into[got < 0 ? 0 : got] = 0;
	return got < 0 ? -1 : 0;
}

static int write_file(const char *folder, const char *name, const char *text)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	ssize_t put = write(file, text, strlen(text));
	close(file);
	return put < 0 ? -1 : 0;
}

/* Whether the group itself was told to freeze, and not one above or below it. */
static int is_told(void)
{
	char text[16];
	return read_file(group, v1 ? "freezer.self_freezing" : "cgroup.freeze", text, sizeof text) == 0 && text[0] == '1';
}

/* Whether the kernel says that no thread of the group runs. */
static int is_frozen(void)
{
	char text[128];
	if (v1)
		return read_file(group, "freezer.state", text, sizeof text) == 0 && strncmp(text, "FROZEN", 6) == 0;
	return read_file(group, "cgroup.events", text, sizeof text) == 0 && strstr(text, "frozen 1") != NULL;
}

static int set_frozen(int frozen)
{
	if (v1)
		return write_file(group, "freezer.state", frozen ? "FROZEN" : "THAWED");
	return write_file(group, "cgroup.freeze", frozen ? "1" : "0");
}

static int holds_process(const char *folder)
{
	char text[32];
	if (read_file(folder, "cgroup.procs", text, sizeof text) == 0 && text[0] != 0)
		return 1;
	DIR *entries = opendir(folder);
	if (entries == NULL)
		return 0;
	int found = 0;
	for (struct dirent *entry; !found && (entry = readdir(entries)) != NULL;) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		char below[4096];
		if (snprintf(below, sizeof below, "%s/%s", folder, entry->d_name) < (int)sizeof below)
			found = holds_process(below);
	}
	closedir(entries);
	return found;
}

static int is_populated(void)
{
	char text[128];
	if (v1)
		return holds_process(group);
	return read_file(group, "cgroup.events", text, sizeof text) == 0 && strstr(text, "populated 1") != NULL;
}

static int is_gone(void)
{
	struct stat folder;
	return stat(group, &folder) < 0 && errno == ENOENT;
}

/* Freezes or thaws. It is tried again at each look, as often as every half millisecond: a failure is said only when it is another one than before. */
static int change(int frozen)
{
	static int said_frozen = -1, said;
	if (set_frozen(frozen) == 0)
		return 0;
	if (frozen != said_frozen || errno != said) {
		said_frozen = frozen;
		said = errno;
		fail(frozen ? "freeze" : "thaw", group);
	}
	return -1;
}

static int watch(struct lease *lease)
{
	for (;;) {
		int64_t at = now();
		int64_t freeze_at = atomic_load(&lease->freeze_at);
		int64_t next;
		atomic_store(&lease->looked_at, at);
		if (is_gone())
			return 0;
		int told = is_told();
		/* It may be an earlier watchdog's word on a group that was removed since and made anew. */
		if (!told)
			atomic_store(&lease->frozen_at, 0);
		if (at < freeze_at) {
			if (told && change(0) == 0) {
				atomic_store(&lease->frozen_at, 0);
				atomic_store(&lease->thawed_at, at);
			}
			next = at + LOOK_LIVE < freeze_at ? at + LOOK_LIVE : freeze_at;
		} else {
			if (!told)
				change(1);
			int frozen = is_frozen();
			if (frozen && atomic_load(&lease->frozen_at) == 0)
				atomic_store(&lease->frozen_at, now());
			if (frozen && !is_populated())
				return 0;
			next = now() + (frozen ? LOOK_FROZEN : LOOK_FREEZING);
		}
		sleep_until(next);
	}
}

static int take_lock(const char *folder)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/lock", folder);
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return fail("open", path);
	/* A daemon that looks whether there is a watchdog has the lock for a moment. */
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	for (int tries = 0; fcntl(lock, F_SETLK, &whole) < 0; tries++) {
		if (errno != EAGAIN && errno != EACCES)
			return fail("lock", path);
		if (tries == LOCK_TRIES)
			return EXIT_OTHER;
		sleep_until(now() + 10 * MILLISECOND);
	}
	return 0;
}

static struct lease *map(const char *folder)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/lease", folder);
	int file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return NULL;
	struct lease *lease = mmap(NULL, sizeof *lease, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	return lease == MAP_FAILED ? NULL : lease;
}

/* Each makes it surer that it is in time; a machine that refuses one works all the same. */
static void become_hard_to_stop(void)
{
	/* What a service manager or a terminal sends to all processes of a service: its jobs go on, so must their watchdog. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	setsid();
	struct sched_param first = { .sched_priority = 1 };
	sched_setscheduler(0, SCHED_FIFO, &first);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	write_file("/proc/self", "oom_score_adj", "-1000");
}

int main(int count, char **argument)
{
	if (count != 4 || (strcmp(argument[3], "v1") != 0 && strcmp(argument[3], "v2") != 0)) {
		dprintf(2, "usage: ferry-watchdog FOLDER GROUP v1|v2\n");
		return 2;
	}
	group = argument[2];
	v1 = strcmp(argument[3], "v1") == 0;
	int refused = take_lock(argument[1]);
	if (refused != 0)
		return refused;
	struct lease *lease = map(argument[1]);
	if (lease == NULL)
		return fail("map the lease in", argument[1]);
	if (memcmp(lease->magic, MAGIC, sizeof lease->magic) != 0) {
		errno = EINVAL;
		return fail("not a lease:", argument[1]);
	}
	become_hard_to_stop();
	atomic_store(&lease->pid, getpid());
	return watch(lease);
}
