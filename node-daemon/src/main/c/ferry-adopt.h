/*
 * What ferry-init does for a job that comes from a plain dump of CRIU, made outside of any sandbox: such a job is restored into a
 * sandbox that was made for it as for a start, whose first process is `ferry-init adopt`.
 *
 * Clocks: the sandbox's time namespace, as CRIU would make one for the restored processes alone, and could not dump it then.
 * Joining: criu is started within all namespaces of the sandbox, but in the folder that it was started in.
 * Filters: the seccomp filters that runc gave the first process, for the restored ones.
 */
#ifndef FERRY_ADOPT_H
#define FERRY_ADOPT_H

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif
#ifndef PTRACE_SECCOMP_GET_METADATA
#define PTRACE_SECCOMP_GET_METADATA 0x420d
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define NANOS 1000000000LL
/* Of criu's own look at the kernel, in the sandbox's /run: nothing of the job. */
#define CRIU_CACHE "/run/criu.kdat"

static void fail(const char *what, const char *which);

/*
 * Children get a time namespace in which the clock now shows that many nanoseconds. A kernel without time namespaces leaves the
 * machine's clock, as CRIU does there.
 */
static void set_clock(const char *name, clockid_t clock, const char *nanos)
{
	static int made;
	struct timespec now;
	char line[96];
	if (!made && unshare(CLONE_NEWTIME) < 0) {
		if (errno == EINVAL)
			return;
		fail("make a time namespace for clock", name);
	}
	made = 1;
	/* An offset counts from the machine's clock; ours is that clock unless we are in a time namespace ourselves. */
	long long offset, own_seconds = 0, own_nanos = 0;
	FILE *file = fopen("/proc/self/timens_offsets", "re");
	char which[32];
	long long seconds, rest;
	if (!file)
		fail("read the offset of clock", name);
	/* Until something is written, the children's namespace has our offsets. */
	while (fscanf(file, "%31s %lld %lld", which, &seconds, &rest) == 3)
		if (strcmp(which, name) == 0) {
			own_seconds = seconds;
			own_nanos = rest;
		}
	fclose(file);
	if (clock_gettime(clock, &now) < 0)
		fail("read clock", name);
	offset = strtoll(nanos, NULL, 10) - (now.tv_sec * NANOS + now.tv_nsec) + own_seconds * NANOS + own_nanos;
	seconds = offset / NANOS;
	rest = offset % NANOS;
	if (rest < 0) {
		rest += NANOS;
		seconds--;
	}
	int length = snprintf(line, sizeof line, "%s %lld %lld\n", name, seconds, rest);
	int offsets = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (offsets < 0 || write(offsets, line, length) != length)
		fail("set clock", name);
	close(offsets);
}

/*
 * Becomes PROGRAM within all namespaces of a process, in the folder in which this one is. It gets a parent outside, which ends as it
 * does: only children come into another PID namespace.
 */
static int run_inside(const char *process, char **program)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pid = atoi(process);
	int handle = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (here < 0 || handle < 0)
		fail("look at the sandbox of process", process);
	int all = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	/* A kernel without time namespaces refuses to hear of them. */
	if (setns(handle, all | CLONE_NEWTIME) < 0 && (errno != EINVAL || setns(handle, all) < 0))
		fail("enter the sandbox of process", process);
	pid_t child = fork();
	if (child < 0)
		fail("fork", "");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fchdir(here) < 0)
			fail("go back to the folder of", program[0]);
		execvp(program[0], program);
		fail("execute in the sandbox", program[0]);
	}
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail("wait for", program[0]);
	unlink(CRIU_CACHE);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int write_all(int file, const void *bytes, size_t length)
{
	return write(file, bytes, length) == (ssize_t)length ? 0 : -1;
}

/*
 * Writes the seccomp filters of a process to a file, the oldest first: of each its flags and its length in bytes (4 bytes each, as
 * the machine has them), then its instructions. One without filters makes an empty file.
 */
static int save_filters(const char *process, const char *path)
{
	static struct sock_filter instructions[BPF_MAXINSNS];
	pid_t pid = atoi(process);
	int status;
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0)
		fail("write", path);
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		fail("stop process", process);
	for (unsigned long number = 0;; number++) {
		long count = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)number, instructions);
		/* ENOENT: no more; EINVAL: it has none at all. */
		if (count < 0 && (errno == ENOENT || (errno == EINVAL && number == 0)))
			break;
		struct { uint64_t number; uint64_t flags; } facts = { number, 0 };
		if (count < 0 || ptrace(PTRACE_SECCOMP_GET_METADATA, pid, (void *)sizeof facts, &facts) < 0)
			fail("read the seccomp filters of process", process);
		uint32_t head[2] = { (uint32_t)facts.flags, (uint32_t)(count * sizeof *instructions) };
		if (write_all(file, head, sizeof head) < 0 || write_all(file, instructions, head[1]) < 0)
			fail("write", path);
	}
	/* It goes on when this ends. */
	return 0;
}

#endif
