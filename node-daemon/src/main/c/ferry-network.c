/*
 * ferry-network: what CRIU calls at the steps of a dump and of a restore (--action-script), for the job's network namespace.
 *
 * The namespace has nothing but loopback, so it is made anew and not restored (--empty-ns net). Until all
 * connections of the job are back, nothing may pass: a restored connection sends what its queue holds while
 * the other end is not there yet, and the kernel would answer for that one with a reset. Only packets with
 * CRIU's own mark pass, with which it closes half a connection.
 *
 * At a dump the job is frozen, but its kernel is not: what a queue holds is sent when a timer says so, and would be
 * in neither end's part of the image if the receiver was looked at before it came and the sender after it was acknowledged.
 *
 *   CRTOOLS_SCRIPT_ACTION=pre-dump, pre-restore  before anything is touched: waits at gate.sock for the daemon's word
 *   CRTOOLS_SCRIPT_ACTION=network-lock           a dump: packets dropped, if the job has connections
 *   CRTOOLS_SCRIPT_ACTION=post-setup-namespaces  a restore: loopback up, packets dropped unless FERRY_NO_CONNECTIONS is set
 *   CRTOOLS_SCRIPT_ACTION=post-restore           a restore: all is there and nothing runs; the mounts of `mounts`, if there is one, are compared (ferry-mounts.h)
 *   CRTOOLS_SCRIPT_ACTION=network-unlock         either: packets pass
 *   ferry-network unlock PID                     packets pass, whether or not they were dropped
 *
 * gate.sock, `mounts`, and `locked`, which is there from before packets are dropped until they pass, lie beside this program, which the daemon puts into a folder
 * of the run's own.
 *
 * All other steps are left alone. A status that is not 0 ends the dump or the restore.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ferry-mounts.h"

/* SOCCR_MARK of CRIU's soccr/soccr.h */
#define LOCK \
	"add table inet ferry;" \
	"add chain inet ferry output { type filter hook output priority -400; policy drop; };" \
	"add rule inet ferry output meta mark 0xc114 accept"
#define UNLOCK "delete table inet ferry"
#define UNLOCK_ANYHOW "add table inet ferry; " UNLOCK

static char folder[4096];

static void fail(const char *what)
{
	dprintf(2, "Error (ferry-network): can't %s: %s\n", what, strerror(errno));
	_exit(1);
}

/* CRIU calls this program by the path that it was told. */
static void find_folder(const char *program)
{
	const char *end = strrchr(program, '/');
	snprintf(folder, sizeof folder, "%.*s", end ? (int)(end - program) : 1, end ? program : ".");
}

static const char *beside(const char *name)
{
	static char path[sizeof folder + 16];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

/*
 * CRIU has looked at the kernel, which takes it some 50 ms, and has done nothing else. It goes on when the daemon says by one byte
 * that the job is frozen, or that its folders are there; a daemon that gives up or dies closes the connection.
 */
static void wait_at_gate(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = beside("gate.sock");
	char word;
	ssize_t got;
	int gate = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		fail("reach the daemon");
	}
	strcpy(address.sun_path, path);
	if (gate < 0 || connect(gate, (struct sockaddr *)&address, sizeof address) < 0)
		fail("reach the daemon");
	do
		got = read(gate, &word, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1) {
		errno = ECANCELED;
		fail("go on: the daemon gave up");
	}
	close(gate);
}

/* A socket that listens is no connection: nothing is lost with it. */
static int has_connections(const char *pid)
{
	static const char *const tables[] = { "tcp", "tcp6" };
	enum { TCP_LISTENS = 0x0a };
	char path[64], line[512];
	int found = 0;
	for (int i = 0; i < 2 && !found; i++) {
		unsigned state;
		snprintf(path, sizeof path, "/proc/%s/net/%s", pid, tables[i]);
		FILE *table = fopen(path, "re");
		if (table == NULL && errno == ENOENT)
			continue;
		if (table == NULL)
			fail("look at the job's connections");
		while (!found && fgets(line, sizeof line, table) != NULL)
			found = sscanf(line, " %*d: %*s %*s %x", &state) == 1 && state != TCP_LISTENS;
		fclose(table);
	}
	return found;
}

static void enter(const char *pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
	int namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0)
		fail("enter the job's network namespace");
	close(namespace);
}

static void set_loopback_up(void)
{
	struct ifreq loopback = { .ifr_name = "lo" };
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0 || ioctl(any, SIOCGIFFLAGS, &loopback) < 0)
		fail("see the loopback device");
	loopback.ifr_flags |= IFF_UP;
	if (ioctl(any, SIOCSIFFLAGS, &loopback) < 0)
		fail("set the loopback device up");
	close(any);
}

/* Before the first packet is dropped: whoever finds it there must let them pass. */
static void mark_locked(void)
{
	int mark = open(beside("locked"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (mark < 0)
		fail("write down that packets are dropped");
	close(mark);
}

static void become_nft(const char *rules)
{
	/* The daemon's PATH need not have the administrator's folders; tools that Ferry brought (the kit does) go before all. */
	const char *tools = getenv("FERRY_TOOLS");
	char path[4096];
	snprintf(path, sizeof path, "%s/nft/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", tools && *tools ? tools : "/var/lib/ferry/tools");
	setenv("PATH", path, 1);
	execlp("nft", "nft", rules, NULL);
	fail("execute nft (install the package nftables)");
}

static void unlock(const char *pid)
{
	int status;
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		enter(pid);
		become_nft(UNLOCK);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail("wait for nft");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		errno = EIO;
		fail("let packets pass");
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "unlock") == 0) {
		enter(argv[2]);
		become_nft(UNLOCK_ANYHOW);
	}
	const char *action = getenv("CRTOOLS_SCRIPT_ACTION");
	const char *pid = getenv("CRTOOLS_INIT_PID");
	if (action == NULL) {
		dprintf(2, "usage: ferry-network unlock PID; else ferry-network is called by CRIU, which sets CRTOOLS_SCRIPT_ACTION and CRTOOLS_INIT_PID\n");
		return 2;
	}
	find_folder(argv[0]);
	if (strcmp(action, "pre-dump") == 0 || strcmp(action, "pre-restore") == 0)
		wait_at_gate();
	if (pid != NULL && strcmp(action, "post-setup-namespaces") == 0) {
		enter(pid);
		set_loopback_up();
		if (getenv("FERRY_NO_CONNECTIONS") != NULL)
			return 0;
		mark_locked();
		become_nft(LOCK);
	}
	if (strcmp(action, "post-restore") == 0) {
		char root[64];
		snprintf(root, sizeof root, "/proc/%s/root", pid ? pid : "none");
		return mounts_differ(beside("mounts"), root);
	}
	if (pid != NULL && strcmp(action, "network-lock") == 0 && has_connections(pid)) {
		mark_locked();
		enter(pid);
		become_nft(LOCK);
	}
	/* CRIU passes over an error of this action: the daemon sees that the mark is still there, and lets packets pass itself. */
	if (pid != NULL && strcmp(action, "network-unlock") == 0 && access(beside("locked"), F_OK) == 0) {
		unlock(pid);
		unlink(beside("locked"));
	}
	return 0;
}
