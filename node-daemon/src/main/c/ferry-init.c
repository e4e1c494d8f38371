/*
 * ferry-init: small jobs that must not depend on anything but the kernel.
 *
 *   ferry-init run CMD ARG...
 *     First process of a job's sandbox. Sends the job's output to the log, starts the command,
 *     passes signals on to it, reaps what it leaves behind and writes its exit status to a file,
 *     durably, so that the status is known even if no daemon was there to see it.
 *
 *   ferry-init adopt PID
 *     The same for a command that is restored into the sandbox by somebody else, whose PID there is known.
 *     It is this process's child from the moment in which criu ends.
 *
 *   ferry-init enter [--cgroup FILE]... [--flatten DIR]... [--cover-in DIR [--cover DIR]...] [--bind-root DIR]
 *                    [--monotonic NANOS] [--boottime NANOS] [--sandbox PID] -- PROGRAM ARG...
 *     Joins control groups, gives itself a mount namespace of its own in which each DIR of --flatten
 *     has nothing mounted below it, what is written to one of --cover stays in memory, for which the empty
 *     DIR of --cover-in is used, and that of --bind-root is a read-only mount point, sets the clocks of its
 *     children, and becomes PROGRAM (runc, criu restore), with --sandbox within that of a process (ferry-adopt.h).
 *
 *   ferry-init filters PID FILE
 *     Writes down the seccomp filters of a process (ferry-adopt.h).
 *
 *   ferry-init mounts LIST ROOT
 *     Called by runc when all is mounted below ROOT and nothing of the job runs: fails if something of
 *     LIST is not what was judged (ferry-mounts.h), and the job is not started.
 *
 * Static, no allocation after start: it is in every image, so it must be small and never change
 * its behaviour under a running job.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ferry-adopt.h"
#include "ferry-mounts.h"

#define CONTROL "/.ferry/ctl"
#define LOG "/.ferry/log/output.log"
/* Longer than any exit status. */
#define EXIT_ROOM "               \n"

enum { EXIT_SETUP = 70, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

static void fail(const char *what, const char *which)
{
	dprintf(2, "ferry-init: %s %s: %s\n", what, which, strerror(errno));
	_exit(EXIT_SETUP);
}

/* Old content or new content after a crash, never something between. What lies in its place already gives its room: the disk may be full. */
static int write_durably(const char *name, const char *text)
{
	char path[128], temporary[128];
	snprintf(path, sizeof path, "%s/%s", CONTROL, name);
	snprintf(temporary, sizeof temporary, "%s/%s.new", CONTROL, name);
	int file = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (file < 0)
		return -1;
	size_t length = strlen(text);
	if (write(file, text, length) != (ssize_t)length || ftruncate(file, length) < 0 || fsync(file) < 0) {
		close(file);
		return -1;
	}
	close(file);
	if (rename(temporary, path) < 0)
		return -1;
	int folder = open(CONTROL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0) {
		fsync(folder);
		close(folder);
	}
	return 0;
}

/*
 * A job that has filled the disk has an exit status too: its file is there before the job is, and lies in its images.
 * Without it (a full disk at the begin) it is made at the end, if it can be.
 */
static void keep_room_for_exit(void)
{
	int file = open(CONTROL "/exit.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (file < 0)
		return;
	if (write(file, EXIT_ROOM, strlen(EXIT_ROOM)) > 0)
		fsync(file);
	close(file);
}

static void open_output(void)
{
	int null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0)
		fail("open", "/dev/null");
	if (null > 2)
		close(null);
	int log = open(LOG, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		fail("open", LOG);
	if (log > 2)
		close(log);
}

/* The pipe closes by itself when exec succeeds, and carries errno when it does not. */
static pid_t start(char **command, const sigset_t *mask)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) < 0)
		fail("pipe", "");
	pid_t child = fork();
	if (child < 0)
		fail("fork", "");
	if (child == 0) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		setsid();
		execvp(command[0], command);
		int error = errno;
		if (write(report[1], &error, sizeof error) < 0)
			_exit(EXIT_SETUP);
		_exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
	}
	close(report[1]);
	int error = 0;
	ssize_t got;
	do
		got = read(report[0], &error, sizeof error);
	while (got < 0 && errno == EINTR);
	close(report[0]);
	char text[512];
	int failed = got == (ssize_t)sizeof error;
	if (failed)
		snprintf(text, sizeof text, "%s: %s\n", command[0], strerror(error));
	else
		snprintf(text, sizeof text, "%d\n", child);
	if (write_durably(failed ? "exec-error" : "started", text) < 0) {
		/* The daemon would wait for the word until it gives up, and end what runs then: better at once, with the reason in the log. */
		error = errno;
		kill(child, SIGKILL);
		errno = error;
		fail("write", CONTROL);
	}
	return child;
}

/* Passes signals on to the command, and returns its exit status when it has ended and the status is written down. */
static int attend(pid_t child, const sigset_t *all)
{
	for (;;) {
		int number = sigwaitinfo(all, NULL);
		if (number < 0)
			continue;
		if (number != SIGCHLD) {
			kill(child, number);
			continue;
		}
		int status;
		pid_t ended;
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
			if (ended != child)
				continue;
			int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			char text[16];
			snprintf(text, sizeof text, "%d\n", code);
			if (write_durably("exit", text) < 0)
				dprintf(2, "ferry-init: can't record the exit status %d: %s\n", code, strerror(errno));
			return code;
		}
	}
}

static int run(char **command)
{
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	open_output();
	keep_room_for_exit();
	return attend(start(command, &before), &all);
}

static int adopt(const char *command)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	open_output();
	keep_room_for_exit();
	char text[16];
	pid_t child = atoi(command);
	if (child <= 1) {
		errno = EINVAL;
		fail("adopt process", command);
	}
	snprintf(text, sizeof text, "%d\n", child);
	if (write_durably("started", text) < 0)
		fail("write", CONTROL);
	return attend(child, &all);
}

/* What is mounted from here on is seen by nobody else and ends with PROGRAM and its children. */
static void isolate(void)
{
	static int done;
	if (done)
		return;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("make a mount namespace", "");
	done = 1;
}

/*
 * What is in the folder is seen in it, and what is written to it lands in a file system in memory, which ends with
 * the namespace: whoever works there changes nothing of it. Its owner and mode must be given to the upper folder.
 */
static void cover(const char *folder, const char *memory)
{
	static int covered;
	char upper[4096], work[4096], options[12400];
	struct stat like;
	if (!memory || strpbrk(folder, ":,\\") || strlen(memory) > 4000 || strlen(folder) > 4000) {
		errno = EINVAL;
		fail("cover", folder);
	}
	snprintf(upper, sizeof upper, "%s/u%d", memory, covered);
	snprintf(work, sizeof work, "%s/w%d", memory, covered);
	covered++;
	if (stat(folder, &like) < 0 || mkdir(upper, 0700) < 0 || mkdir(work, 0700) < 0 || chown(upper, like.st_uid, like.st_gid) < 0 ||
	    chmod(upper, like.st_mode & 07777) < 0)
		fail("cover", folder);
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", folder, upper, work);
	if (mount("ferry", folder, "overlay", MS_NOSUID | MS_NODEV, options) < 0)
		fail("cover", folder);
}

static int enter(int count, char **argument)
{
	const char *memory = NULL, *sandbox = NULL;
	int at = 0;
	for (; at < count && strcmp(argument[at], "--") != 0; at += 2) {
		const char *value = argument[at + 1];
		if (strcmp(argument[at], "--cgroup") == 0) {
			int file = open(value, O_WRONLY | O_CLOEXEC);
			if (file < 0 || write(file, "0", 1) != 1)
				fail("join the control group", value);
			close(file);
		} else if (strcmp(argument[at], "--flatten") == 0) {
			/*
			 * A bind mount of a folder onto itself leaves out what is mounted below it. In a user
			 * namespace the kernel refuses to do so later: it would show what the mounts hide.
			 */
			isolate();
			if (mount(value, value, NULL, MS_BIND, NULL) < 0)
				fail("mount", value);
		} else if (strcmp(argument[at], "--cover-in") == 0) {
			isolate();
			if (mount("ferry", value, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700,size=64m") < 0)
				fail("cover", value);
			memory = value;
		} else if (strcmp(argument[at], "--cover") == 0) {
			cover(value, memory);
		} else if (strcmp(argument[at], "--bind-root") == 0) {
			isolate();
			if (mount(value, value, NULL, MS_BIND, NULL) < 0 ||
			    mount("none", value, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
				fail("mount", value);
		} else if (strcmp(argument[at], "--monotonic") == 0) {
			set_clock("monotonic", CLOCK_MONOTONIC, value);
		} else if (strcmp(argument[at], "--boottime") == 0) {
			set_clock("boottime", CLOCK_BOOTTIME, value);
		} else if (strcmp(argument[at], "--sandbox") == 0) {
			sandbox = value;
		} else {
			errno = EINVAL;
			fail("unknown option", argument[at]);
		}
	}
	if (at + 1 >= count) {
		errno = EINVAL;
		fail("missing", "-- PROGRAM");
	}
	if (sandbox)
		return run_inside(sandbox, argument + at + 1);
	execvp(argument[at + 1], argument + at + 1);
	fail("execute", argument[at + 1]);
	return EXIT_SETUP;
}

int main(int count, char **argument)
{
	if (count >= 3 && strcmp(argument[1], "run") == 0)
		return run(argument + 2);
	if (count == 3 && strcmp(argument[1], "adopt") == 0)
		return adopt(argument[2]);
	if (count == 4 && strcmp(argument[1], "filters") == 0)
		return save_filters(argument[2], argument[3]);
	if (count >= 4 && strcmp(argument[1], "enter") == 0)
		return enter(count - 2, argument + 2);
	if (count == 4 && strcmp(argument[1], "mounts") == 0)
		return mounts_differ(argument[2], argument[3]);
	dprintf(2, "usage: ferry-init run CMD ARG... | adopt PID | filters PID FILE | mounts LIST ROOT | enter [OPTION VALUE]... -- PROGRAM ARG...\n");
	return 2;
}
