/* The stand-in's libnvidia-ml.so.1: the few calls that inventory, health and accounting need (nvml.h of driver 570 and later). */
#define _GNU_SOURCE
#include "wire.h"
#include <stdlib.h>

enum { NVML_SUCCESS = 0, NVML_UNINITIALIZED = 1, NVML_INVALID_ARGUMENT = 2, NVML_NOT_SUPPORTED = 3, NVML_NOT_FOUND = 6, NVML_INSUFFICIENT_SIZE = 7,
	NVML_TIMEOUT = 10, NVML_GPU_IS_LOST = 15, NVML_UNKNOWN = 999 };

#define MOST_CARDS 16
static struct device devices[MOST_CARDS];
static unsigned device_count;
static int initialized;

static const char *folder(void)
{
	const char *named = getenv("FERRY_STANDIN");
	return named ? named : "/.ferry/gpu";
}

/* A card that was there when this library began and is no more has fallen off the bus; one that came since is not seen. */
static int look(unsigned number, struct stats *stats)
{
	char name[32];
	struct reply reply;
	memset(stats, 0, sizeof *stats);
	snprintf(name, sizeof name, "nvidia%u.sock", number);
	int socket = connect_to(folder(), name);
	if (socket < 0)
		return initialized ? NVML_GPU_IS_LOST : NVML_NOT_FOUND;
	int failed = exchange(socket, (struct request){.operation = OP_STATS}, NULL, &reply, stats, sizeof *stats);
	close(socket);
	return failed ? NVML_UNKNOWN : stats->lost ? NVML_GPU_IS_LOST : NVML_SUCCESS;
}

static int is_played(const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", folder(), name);
	return access(path, F_OK) == 0;
}

int nvmlInit_v2(void)
{
	struct stats stats;
	if (initialized)
		return NVML_SUCCESS;
	if (is_played("nvml-fails"))
		return NVML_UNKNOWN;
	device_count = 0;
	for (unsigned number = 0; number < MOST_CARDS; number++) {
		int result = look(number, &stats);
		if (result == NVML_SUCCESS || result == NVML_GPU_IS_LOST)
			devices[device_count++] = stats.device;
	}
	initialized = 1;
	return NVML_SUCCESS;
}

int nvmlShutdown(void)
{
	initialized = 0;
	return NVML_SUCCESS;
}

const char *nvmlErrorString(int result)
{
	return result == NVML_SUCCESS ? "Success" : result == NVML_GPU_IS_LOST ? "GPU is lost" : result == NVML_NOT_FOUND ? "Not Found" : "Unknown Error";
}

int nvmlSystemGetDriverVersion(char *version, unsigned length)
{
	snprintf(version, length, "%u.00.stand-in", device_count ? devices[0].personality : 0);
	return initialized ? NVML_SUCCESS : NVML_UNINITIALIZED;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
	*count = device_count;
	return initialized ? NVML_SUCCESS : NVML_UNINITIALIZED;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
	if (index >= device_count)
		return NVML_INVALID_ARGUMENT;
	*device = &devices[index];
	return NVML_SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length)
{
	snprintf(name, length, "%s", ((struct device *)device)->name);
	return NVML_SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length)
{
	const unsigned char *b = ((struct device *)device)->uuid;
	if (length < 41)
		return NVML_INSUFFICIENT_SIZE;
	snprintf(uuid, length, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		 b[13], b[14], b[15]);
	return NVML_SUCCESS;
}

int nvmlDeviceGetMinorNumber(void *device, unsigned *minor)
{
	*minor = ((struct device *)device)->index;
	return NVML_SUCCESS;
}

int nvmlDeviceGetPersistenceMode(void *device, unsigned *mode)
{
	(void)device;
	*mode = !is_played("no-persistence");
	return NVML_SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *device, uint64_t total_free_used[3])
{
	struct stats stats;
	int result = look(((struct device *)device)->index, &stats);
	total_free_used[0] = stats.device.memory;
	total_free_used[1] = stats.device.memory - stats.used;
	total_free_used[2] = stats.used;
	return result;
}

int nvmlDeviceGetUtilizationRates(void *device, unsigned gpu_memory[2])
{
	struct stats stats;
	int result = look(((struct device *)device)->index, &stats);
	gpu_memory[0] = gpu_memory[1] = stats.busy_percent;
	return result;
}

int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *pending)
{
	struct stats stats;
	int result = look(((struct device *)device)->index, &stats);
	*now = *pending = stats.device.mig;
	return result;
}

int nvmlDeviceGetTotalEccErrors(void *device, int uncorrected, int aggregate, unsigned long long *count)
{
	struct stats stats;
	(void)aggregate;
	int result = look(((struct device *)device)->index, &stats);
	*count = uncorrected ? stats.uncorrected_errors : stats.corrected_errors;
	return result;
}

int nvmlDeviceGetRemappedRows(void *device, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed)
{
	struct stats stats;
	int result = look(((struct device *)device)->index, &stats);
	*corrected = *uncorrected = *pending = 0;
	*failed = stats.remap_failed;
	return result;
}

/* ---- events: of one device in a set, and only errors (Xid) ---- */

struct set {
	struct device *device;
	uint64_t known;
};

struct event {
	void *device;
	unsigned long long type, data;
	unsigned gpu_instance, compute_instance;
};

/* Waits for the error behind those that are known; 0 milliseconds: only learns how many there are. */
static int next_error(struct set *set, unsigned millis, uint64_t *xid)
{
	char name[32];
	struct reply reply;
	snprintf(name, sizeof name, "nvidia%u.sock", set->device->index);
	int socket = connect_to(folder(), name);
	if (socket < 0)
		return NVML_NOT_FOUND;
	int failed = exchange(socket, (struct request){.operation = OP_XID, .a = set->known, .b = millis}, NULL, &reply, NULL, 0);
	close(socket);
	if (failed)
		return NVML_UNKNOWN;
	set->known = reply.argument;
	*xid = reply.value;
	return reply.error;
}

int nvmlEventSetCreate(void **set)
{
	*set = calloc(1, sizeof(struct set));
	return *set ? NVML_SUCCESS : NVML_UNKNOWN;
}

int nvmlEventSetFree(void *set)
{
	free(set);
	return NVML_SUCCESS;
}

int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *events)
{
	struct set *set = events;
	uint64_t xid;
	if (types != 8 || set->device)
		return NVML_NOT_SUPPORTED;
	set->device = device;
	set->known = UINT64_MAX;
	int result = next_error(set, 0, &xid);
	return result == NVML_TIMEOUT ? NVML_SUCCESS : result;
}

int nvmlEventSetWait_v2(void *events, struct event *event, unsigned millis)
{
	struct set *set = events;
	uint64_t xid = 0;
	int result = next_error(set, millis, &xid);
	*event = (struct event){set->device, 8, xid, 0xffffffffu, 0xffffffffu};
	return result;
}

struct process {
	unsigned pid;
	unsigned long long used;
	unsigned gpu_instance, compute_instance;
};

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, struct process *processes)
{
	struct stats stats;
	int result = look(((struct device *)device)->index, &stats);
	if (result)
		return result;
	unsigned room = *count;
	*count = stats.processes;
	if (stats.processes > room)
		return NVML_INSUFFICIENT_SIZE;
	for (unsigned i = 0; i < stats.processes; i++)
		processes[i] = (struct process){stats.process[i].pid, stats.process[i].used, 0xffffffffu, 0xffffffffu};
	return NVML_SUCCESS;
}
