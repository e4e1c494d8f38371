/*
 * Whether what is mounted in a sandbox is what was judged before it was mounted: a name may have come to lead elsewhere in between.
 *
 * The list has of each mount the numbers of its device and of its inode, and its destination, which a byte of 0 ends. Each destination must be where
 * something is mounted, no symlink may lie on the way to it, and it must be that very file or folder. So no mount can stand for two, and a folder that was moved
 * to the place of a mount does not stand for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* 0, or 1 after a line that says what is wrong. */
static int mount_differs(int root, const char *destination, unsigned long long device, unsigned long long inode)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
	struct statx found;
	int there = syscall(SYS_openat2, root, destination, &how, sizeof how);
	if (there < 0 || statx(there, "", AT_EMPTY_PATH, STATX_INO, &found) < 0) {
		dprintf(2, "Error (ferry-mounts): the mount %s can't be found (%s)\n", destination, strerror(errno));
		return 1;
	}
	close(there);
	if (found.stx_ino == inode && makedev(found.stx_dev_major, found.stx_dev_minor) == device && (found.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	dprintf(2, "Error (ferry-mounts): the mount %s is not what was judged\n", destination);
	return 1;
}

/* 0, or 1 after a line that says what is wrong; without a list there is nothing to compare. */
static int mounts_differ(const char *list, const char *root)
{
	char *line = NULL;
	size_t size = 0;
	int differ = 0;
	FILE *judged = fopen(list, "re");
	if (judged == NULL && errno == ENOENT)
		return 0;
	int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (judged == NULL || folder < 0) {
		dprintf(2, "Error (ferry-mounts): the mounts can't be looked at (%s: %s)\n", judged == NULL ? list : root, strerror(errno));
		return 1;
	}
	while (!differ && getdelim(&line, &size, '\0', judged) > 0) {
		char *inode, *destination;
		unsigned long long device = strtoull(line, &inode, 10), number = strtoull(inode, &destination, 10);
		if (strncmp(destination, " /", 2) != 0) {
			dprintf(2, "Error (ferry-mounts): the mounts can't be looked at (%s is damaged)\n", list);
			differ = 1;
		} else {
			differ = mount_differs(folder, destination + 1, device, number);
		}
	}
	/* It ended before its end: by a read that failed, or for want of memory. What was not read was not compared. */
	if (!differ && !feof(judged)) {
		dprintf(2, "Error (ferry-mounts): the mounts can't be looked at (%s: %s)\n", list, strerror(errno));
		differ = 1;
	}
	free(line);
	fclose(judged);
	close(folder);
	return differ;
}
