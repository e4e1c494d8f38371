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
 *   CRTOOLS_SCRIPT_ACTION=network-lock           a dump: packets dropped
 *   CRTOOLS_SCRIPT_ACTION=post-setup-namespaces  a restore: loopback up, packets dropped
 *   CRTOOLS_SCRIPT_ACTION=network-unlock         either: packets pass
 *   ferry-network unlock PID                     packets pass, whether or not they were dropped
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
#include <unistd.h>

/* SOCCR_MARK of CRIU's soccr/soccr.h */
#define LOCK \
	"add table inet ferry;" \
	"add chain inet ferry output { type filter hook output priority -400; policy drop; };" \
	"add rule inet ferry output meta mark 0xc114 accept"
#define UNLOCK "delete table inet ferry"
#define UNLOCK_ANYHOW "add table inet ferry; " UNLOCK

static void fail(const char *what)
{
	dprintf(2, "Error (ferry-network): can't %s: %s\n", what, strerror(errno));
	_exit(1);
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
	if (pid != NULL && strcmp(action, "post-setup-namespaces") == 0) {
		enter(pid);
		set_loopback_up();
		become_nft(LOCK);
	}
	if (pid != NULL && strcmp(action, "network-lock") == 0) {
		enter(pid);
		become_nft(LOCK);
	}
	if (pid != NULL && strcmp(action, "network-unlock") == 0) {
		enter(pid);
		become_nft(UNLOCK);
	}
	return 0;
}
