/*
 * A job that uses what can't be saved, and says "step N" all the time: refused KIND
 *   gdrcopy | fork | managed | ipc | multicast | exported | stopped | vsock (which CRIU refuses) | mps | imex (by what their files are called)
 * or one that only waits, in N processes that each have memory on the GPU: refused idle N
 * or one that starts processes which use the GPU for a moment, all the time: refused spawn
 */
#define _GNU_SOURCE
#include "driver.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void pause_for_ever(void)
{
	for (;;)
		pause();
}

int main(int count, char **argument)
{
	const char *kind = count > 1 ? argument[1] : "";
	void *context;
	device_pointer memory;
	char path[256], handle[64];
	if (strcmp(kind, "spawn") == 0 && fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			if (fork() == 0) {
				execl(argument[0], argument[0], "brief", (char *)NULL);
				_exit(127);
			}
			usleep(60000);
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		}
	}
	if (cuInit(0) || cuCtxCreate_v2(&context, 0, 0) || cuMemAlloc_v2(&memory, 1 << 20))
		return 1;
	if (strcmp(kind, "gdrcopy") == 0) {
		const char *folder = getenv("FERRY_STANDIN");
		snprintf(path, sizeof path, "%s/gdrdrv", folder ? folder : "/.ferry/gpu");
		if (open(path, O_RDONLY) < 0)
			return 1;
	} else if (strcmp(kind, "fork") == 0) {
		if (fork() == 0)
			pause_for_ever();
	} else if (strcmp(kind, "managed") == 0) {
		if (cuMemAllocManaged(&memory, 4096, 1))
			return 1;
	} else if (strcmp(kind, "ipc") == 0) {
		if (cuIpcGetMemHandle(handle, memory))
			return 1;
	} else if (strcmp(kind, "multicast") == 0) {
		if (cuMulticastCreate((uint64_t *)(void *)handle, NULL))
			return 1;
	} else if (strcmp(kind, "exported") == 0) {
		if (cuMemExportToShareableHandle(handle, memory, 1, 0))
			return 1;
	} else if (strcmp(kind, "stopped") == 0) {
		pid_t child = fork();
		if (child == 0) {
			execl(argument[0], argument[0], "nothing", (char *)NULL);
			_exit(127);
		}
		usleep(500000);
		kill(child, SIGSTOP);
	} else if (strcmp(kind, "vsock") == 0) {
		if (socket(AF_VSOCK, SOCK_STREAM, 0) < 0)
			return 1;
	} else if (strcmp(kind, "mps") == 0 || strcmp(kind, "imex") == 0) {
		const char *folder = strcmp(kind, "mps") == 0 ? "/tmp/nvidia-mps" : "/tmp/nvidia-caps-imex-channels";
		mkdir(folder, 0700);
		snprintf(path, sizeof path, "%s/0", folder);
		if (open(path, O_RDWR | O_CREAT, 0600) < 0)
			return 1;
	} else if (strcmp(kind, "idle") == 0) {
		for (int others = count > 2 ? atoi(argument[2]) : 1; others > 1; others--) {
			if (fork() == 0) {
				execl(argument[0], argument[0], "nothing", (char *)NULL);
				_exit(127);
			}
		}
	} else if (strcmp(kind, "brief") == 0) {
		usleep(100000);
		return 0;
	} else if (strcmp(kind, "nothing") == 0) {
		pause_for_ever();
	}
	for (int number = 0;; number++) {
		printf("step %d\n", number);
		fflush(stdout);
		if (cuCtxSynchronize())
			return 1;
		usleep(10000);
	}
}
