/*
 * own-root PROGRAM ARGUMENT...: runs a program in a mount namespace of its own whose root is the root that we see.
 *
 * After a chroot the two differ: the namespace's root lies outside. CRIU refuses jobs of such a namespace ("The root task has another root than mntns"), and runc
 * can't begin where / is no mount. So the folder that is / to us becomes a mount, and by pivot_root the root of a namespace that nothing else sees. Mounts that are
 * made there stay there; those that are made outside still come in. Static, as there may be nothing to link with. Exit status 69 when the kernel refuses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the C library that this may be built with; the same numbers on every architecture. */
#define OPEN_TREE 428
#define MOVE_MOUNT 429
#define CLONE_TREE 1u
#define FROM_EMPTY_PATH 0x04u
#define TO_EMPTY_PATH 0x40u

static void must(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "ferry-kit: %s: %s\n", what, strerror(errno));
		exit(69);
	}
}

int main(int count, char **argument)
{
	struct stat ours, whole;
	if (count < 2) {
		fprintf(stderr, "usage: own-root PROGRAM ARGUMENT...\n");
		return 64;
	}
	must(unshare(CLONE_NEWNS), "a mount namespace of our own");
	int seen = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(seen, "the root directory");
	int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	must(own, "/proc/self/ns/mnt");
	/* Entering the namespace in which we are anyway takes us to its root, out of a chroot. */
	must(setns(own, CLONE_NEWNS), "the root of the mount namespace");
	must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "mounts that don't leave the namespace");
	must(fstat(seen, &ours), "the root directory");
	must(stat("/", &whole), "the root of the mount namespace");
	if (ours.st_dev != whole.st_dev || ours.st_ino != whole.st_ino) {
		int tree = (int)syscall(OPEN_TREE, seen, "", CLONE_TREE | (unsigned)O_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
		must(tree, "a mount of the root directory");
		must(syscall(MOVE_MOUNT, tree, "", seen, "", FROM_EMPTY_PATH | TO_EMPTY_PATH), "the mount of the root directory");
		must(fchdir(tree), "the mount of the root directory");
		/* Both names the same: the old root comes to lie over the new one, and is taken off. */
		must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
		must(umount2(".", MNT_DETACH), "the old root");
	}
	must(chdir("/"), "/");
	execv(argument[1], argument + 1);
	fprintf(stderr, "ferry-kit: %s: %s\n", argument[1], strerror(errno));
	return 69;
}
