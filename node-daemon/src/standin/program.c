/* The stand-in's cuda-checkpoint program, linked with the checkpoint functions that the library of an old driver lacks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cuInit(unsigned flags);
int cuGetErrorName(int error, const char **name);
int cuCheckpointProcessGetState(int pid, int *value);
int cuCheckpointProcessGetRestoreThreadId(int pid, int *thread);
int cuCheckpointProcessLock(int pid, const void *arguments);
int cuCheckpointProcessCheckpoint(int pid, const void *arguments);
int cuCheckpointProcessRestore(int pid, const void *arguments);
int cuCheckpointProcessUnlock(int pid, const void *arguments);

static const char *const states[] = {"running", "locked", "checkpointed", "failed"};

int main(int count, char **argument)
{
	int pid = 0, timeout = 0, value = 0, error = 1;
	const char *action = "";
	for (int i = 1; i < count; i++) {
		if (strcmp(argument[i], "--pid") == 0 && i + 1 < count)
			pid = atoi(argument[++i]);
		else if (strcmp(argument[i], "--timeout") == 0 && i + 1 < count)
			timeout = atoi(argument[++i]);
		else if (strcmp(argument[i], "--action") == 0 && i + 1 < count)
			action = argument[++i];
		else if (strncmp(argument[i], "--", 2) == 0)
			action = argument[i];
	}
	if (strcmp(action, "--help") == 0) {
		puts("CUDA checkpoint and restore utility (stand-in).\n--toggle --pid N\n--action lock|checkpoint|restore|unlock --pid N [--timeout MS]\n--get-state --pid N\n--get-restore-tid --pid N");
		return 0;
	}
	cuInit(0);
	unsigned lock[16] = {(unsigned)timeout};
	if (strcmp(action, "--get-state") == 0) {
		error = cuCheckpointProcessGetState(pid, &value);
		if (!error)
			puts(states[value & 3]);
	} else if (strcmp(action, "--get-restore-tid") == 0) {
		error = cuCheckpointProcessGetRestoreThreadId(pid, &value);
		if (!error)
			printf("%d\n", value);
	} else if (strcmp(action, "lock") == 0) {
		error = cuCheckpointProcessLock(pid, lock);
	} else if (strcmp(action, "checkpoint") == 0) {
		error = cuCheckpointProcessCheckpoint(pid, NULL);
	} else if (strcmp(action, "restore") == 0) {
		error = cuCheckpointProcessRestore(pid, NULL);
	} else if (strcmp(action, "unlock") == 0) {
		error = cuCheckpointProcessUnlock(pid, NULL);
	}
	const char *name = NULL;
	if (error && cuGetErrorName(error, &name) == 0)
		fprintf(stderr, "Could not %s process %d: %s (%d)\n", action, pid, name, error);
	return error ? 1 : 0;
}
