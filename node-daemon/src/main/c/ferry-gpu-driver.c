/*
 * What ferry-gpu does with NVIDIA's libraries. Nothing is linked: a machine without a driver is a normal one. The checkpoint functions are those of
 * cuda.h of CUDA 12.8 and later; an older driver does the same by the program cuda-checkpoint.
 */
#define _GNU_SOURCE
#include "ferry-gpu.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { CUDA_UNKNOWN = 999, CUDA_NOT_SUPPORTED = 801, CUDA_NOT_INITIALIZED = 3, CUDA_NOT_READY = 600 };
#define MOST_PROCESSES 128
#define NVML_VALUE_NOT_AVAILABLE (~0ull)
#define MOST_XIDS 32
/* How long those that listen for errors may take to come back from NVML. */
#define LISTENERS_SECONDS 6
/* How long cuda-checkpoint may take to say what it can do; it has to do with no process then. */
#define HELP_MILLIS 5000

static char missing[256], nvml_missing[256], driver_version[96];
/* cuda-checkpoint, where it is there and the library lacks what it does; else "". */
static const char *program = "";
/* Each for one library: an NVML that hangs must hold up no restore. */
static pthread_mutex_t beginning = PTHREAD_MUTEX_INITIALIZER, nvml_beginning = PTHREAD_MUTEX_INITIALIZER;
static int initialized = -1, nvml_initialized = -1;

static int (*cu_init)(unsigned flags);
static int (*cu_driver_version)(int *version);
static int (*get_state)(int pid, int *state);
static int (*get_thread)(int pid, int *thread);
static int (*lock)(int pid, void *arguments);
static int (*checkpoint)(int pid, void *arguments);
static int (*restore)(int pid, void *arguments);
static int (*unlock)(int pid, void *arguments);

static struct {
	int (*init)(void);
	int (*shutdown)(void);
	int (*driver_version)(char *version, unsigned length);
	int (*count)(unsigned *count);
	int (*by_index)(unsigned index, void **device);
	int (*name)(void *device, char *name, unsigned length);
	int (*uuid)(void *device, char *uuid, unsigned length);
	int (*minor)(void *device, unsigned *minor);
	int (*persistence)(void *device, unsigned *mode);
	int (*memory)(void *device, uint64_t total_free_used[3]);
	int (*utilization)(void *device, unsigned gpu_memory[2]);
	int (*mig)(void *device, unsigned *now, unsigned *pending);
	int (*ecc)(void *device, int uncorrected, int aggregate, unsigned long long *count);
	int (*remapped)(void *device, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed);
	int (*processes)(void *device, unsigned *count, void *processes);
} nvml;

/* Of driver 510 and later (nvmlProcessInfo_t). */
struct nvml_process {
	unsigned pid;
	unsigned long long used;
	unsigned gpu_instance, compute_instance;
};

static void *symbol(void *library, const char *name)
{
	return library ? dlsym(library, name) : NULL;
}

static void *open_library(const char *path, char *why, size_t most)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		snprintf(why, most, "%s", dlerror());
	return library;
}

/* Starts cuda-checkpoint; its process and where its output comes, or -1. */
static pid_t begin_program(const char *const *words, int *output)
{
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
	pid_t child;
	int failed = posix_spawn(&child, program, &actions, NULL, (char *const *)words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (failed)
		close(pipes[0]);
	*output = pipes[0];
	return failed ? -1 : child;
}

/* Runs cuda-checkpoint; its output, and its exit status, or -1 when it did not run to its end. Takes as long as the driver's call does. */
static int run_program(char *output, size_t most, const char *const *words)
{
	int from, status;
	output[0] = 0;
	pid_t child = begin_program(words, &from);
	if (child < 0)
		return -1;
	size_t filled = 0;
	ssize_t got = 0;
	char rest[256];
	while ((got = filled < most - 1 ? read(from, output + filled, most - 1 - filled) : read(from, rest, sizeof rest)) > 0)
		filled += filled < most - 1 ? (size_t)got : 0;
	output[filled] = 0;
	close(from);
	if (waitpid(child, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static long long now_millis(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* Whether the program can do what is asked of it; -1: it has not said so in time. This is no call of the driver, so it may be killed. */
static int ask_program(void)
{
	static pid_t asked;
	const char *const words[] = {program, "--help", NULL};
	char help[4096];
	size_t filled = 0;
	ssize_t got = 1;
	int from;
	/* One that does not die of it hangs in the kernel, as the next one would. */
	if (asked > 0 && waitpid(asked, NULL, WNOHANG) == 0)
		return -1;
	asked = begin_program(words, &from);
	if (asked < 0)
		return -1;
	for (long long left = HELP_MILLIS, end = now_millis() + left; got > 0 && left > 0; left = end - now_millis()) {
		struct pollfd look = {from, POLLIN, 0};
		if (poll(&look, 1, (int)left) > 0 && (got = read(from, help + filled, sizeof help - 1 - filled)) > 0)
			filled += (size_t)got;
	}
	help[filled] = 0;
	close(from);
	kill(asked, SIGKILL);
	if (waitpid(asked, NULL, got > 0 ? WNOHANG : 0) != 0)
		asked = 0;
	return got > 0 ? -1 : strstr(help, "--action") != NULL;
}

/*
 * The program, if that is the way here; else "". The oldest can only toggle, and tell nobody's state or thread: so they can't be told when something
 * went wrong. One that did not answer is asked again after a while; the answer is kept.
 */
static const char *way_program(void)
{
	static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
	static int answer = -1, said;
	static long long again_at;
	pthread_mutex_lock(&asking);
	if (program[0] && answer < 0 && now_millis() >= again_at) {
		answer = ask_program();
		again_at = now_millis() + HELP_MILLIS;
		if (answer < 0 && !said++)
			fprintf(stderr, "ferry-gpu: %s --help does not answer\n", program);
	}
	int usable = answer > 0;
	pthread_mutex_unlock(&asking);
	return usable ? program : "";
}

void driver_load(const char *library_path, const char *nvml_path, const char *program_path)
{
	void *library = open_library(library_path, missing, sizeof missing);
	*(void **)&cu_init = symbol(library, "cuInit");
	*(void **)&cu_driver_version = symbol(library, "cuDriverGetVersion");
	*(void **)&get_state = symbol(library, "cuCheckpointProcessGetState");
	*(void **)&get_thread = symbol(library, "cuCheckpointProcessGetRestoreThreadId");
	*(void **)&lock = symbol(library, "cuCheckpointProcessLock");
	*(void **)&checkpoint = symbol(library, "cuCheckpointProcessCheckpoint");
	*(void **)&restore = symbol(library, "cuCheckpointProcessRestore");
	*(void **)&unlock = symbol(library, "cuCheckpointProcessUnlock");
	void *management = open_library(nvml_path, nvml_missing, sizeof nvml_missing);
	*(void **)&nvml.init = symbol(management, "nvmlInit_v2");
	*(void **)&nvml.shutdown = symbol(management, "nvmlShutdown");
	*(void **)&nvml.driver_version = symbol(management, "nvmlSystemGetDriverVersion");
	*(void **)&nvml.count = symbol(management, "nvmlDeviceGetCount_v2");
	*(void **)&nvml.by_index = symbol(management, "nvmlDeviceGetHandleByIndex_v2");
	*(void **)&nvml.name = symbol(management, "nvmlDeviceGetName");
	*(void **)&nvml.uuid = symbol(management, "nvmlDeviceGetUUID");
	*(void **)&nvml.minor = symbol(management, "nvmlDeviceGetMinorNumber");
	*(void **)&nvml.persistence = symbol(management, "nvmlDeviceGetPersistenceMode");
	*(void **)&nvml.memory = symbol(management, "nvmlDeviceGetMemoryInfo");
	*(void **)&nvml.utilization = symbol(management, "nvmlDeviceGetUtilizationRates");
	*(void **)&nvml.mig = symbol(management, "nvmlDeviceGetMigMode");
	*(void **)&nvml.ecc = symbol(management, "nvmlDeviceGetTotalEccErrors");
	*(void **)&nvml.remapped = symbol(management, "nvmlDeviceGetRemappedRows");
	*(void **)&nvml.processes = symbol(management, "nvmlDeviceGetComputeRunningProcesses_v3");
	events_load(management);
	if (!lock && program_path[0] && access(program_path, X_OK) == 0)
		program = program_path;
}

static void begin_nvml(void)
{
	unsigned count = 0;
	void *device;
	nvml_initialized = nvml.init ? nvml.init() : -1;
	if (nvml_initialized == 0 && nvml.count && nvml.by_index && nvml.count(&count) == 0) {
		for (unsigned index = 0; index < count; index++) {
			char uuid[96] = "";
			if (nvml.by_index(index, &device) == 0 && nvml.uuid && nvml.uuid(device, uuid, sizeof uuid) == 0)
				events_begin(uuid, device);
		}
	}
	if (nvml_initialized == 0 && nvml.driver_version)
		nvml.driver_version(driver_version, sizeof driver_version);
}

/* Whether NVML has begun; it is begun while it has not. `version` gets the driver's, which NVML knows. */
static int ensure_nvml(int anew, char *version)
{
	pthread_mutex_lock(&nvml_beginning);
	if (nvml_initialized != 0) {
		begin_nvml();
	} else if (anew && nvml.shutdown && events_end(LISTENERS_SECONDS)) {
		nvml.shutdown();
		begin_nvml();
	}
	int begun = nvml_initialized == 0;
	if (version)
		memcpy(version, driver_version, sizeof driver_version);
	pthread_mutex_unlock(&nvml_beginning);
	return begun;
}

int driver_initialize(void)
{
	pthread_mutex_lock(&beginning);
	/* What failed is tried again: the fabric manager was not up yet, say, or a module of the driver not loaded. */
	if (initialized != 0)
		initialized = cu_init ? cu_init(0) : CUDA_NOT_SUPPORTED;
	int result = initialized;
	pthread_mutex_unlock(&beginning);
	return result;
}

/* ---- calls ---- */

static int call_program(enum verb verb, int pid, unsigned timeout, int *value)
{
	char number[16], limit[16], output[1024];
	snprintf(number, sizeof number, "%d", pid);
	snprintf(limit, sizeof limit, "%u", timeout);
	static const char *const actions[] = {"--get-state", "--get-restore-tid", "lock", "checkpoint", "restore", "unlock"};
	const char *query[] = {program, actions[verb], "--pid", number, NULL};
	const char *act[] = {program, "--action", actions[verb], "--pid", number, verb == VERB_LOCK && timeout ? "--timeout" : NULL, limit, NULL};
	int status = run_program(output, sizeof output, verb <= VERB_THREAD ? query : act);
	if (status == 0 && verb == VERB_STATE) {
		static const char *const states[] = {"running", "locked", "checkpointed", "failed"};
		*value = 99;
		for (int i = 0; i < 4; i++)
			if (strncmp(output, states[i], strlen(states[i])) == 0)
				*value = i;
	} else if (status == 0 && verb == VERB_THREAD) {
		*value = atoi(output);
	}
	/* "... (600)" at the end of its message; the oldest say no code. */
	char *code = status > 0 ? strrchr(output, '(') : NULL;
	return status == 0 ? 0 : code && atoi(code + 1) > 0 ? atoi(code + 1) : CUDA_UNKNOWN;
}

int driver_call(enum verb verb, int pid, unsigned timeout, const struct gpu_pair *pairs, unsigned pair_count, int *value)
{
	/* 64 zeroed bytes are good arguments of every call in every version. */
	union {
		uint64_t words[8];
		struct {
			const struct gpu_pair *pairs;
			unsigned count;
		} map;
		unsigned timeout;
	} arguments = {{0}};
	if (!lock && way_program()[0])
		return pair_count ? CUDA_NOT_SUPPORTED : call_program(verb, pid, timeout, value);
	if (!lock || !checkpoint || !restore || !unlock || !get_state)
		return CUDA_NOT_SUPPORTED;
	switch (verb) {
	case VERB_STATE:
		return get_state(pid, value);
	case VERB_THREAD:
		return get_thread ? get_thread(pid, value) : CUDA_NOT_SUPPORTED;
	case VERB_LOCK:
		arguments.timeout = timeout;
		return lock(pid, &arguments);
	case VERB_CHECKPOINT:
		return checkpoint(pid, &arguments);
	case VERB_RESTORE:
		if (pair_count) {
			arguments.map.pairs = pairs;
			arguments.map.count = pair_count;
		}
		return restore(pid, &arguments);
	case VERB_UNLOCK:
		return unlock(pid, &arguments);
	case VERB_COUNT:
		break;
	}
	return CUDA_UNKNOWN;
}

/* ---- words ---- */

struct words {
	char *text;
	size_t at, most;
};

/* Adds " key=value"; what would end a word in the value is written as %XX. */
static void add(struct words *words, const char *key, const char *format, ...)
{
	char value[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(value, sizeof value, format, arguments);
	va_end(arguments);
	if (words->at + strlen(key) + 3 * strlen(value) + 4 > words->most)
		return;
	words->at += (size_t)sprintf(words->text + words->at, " %s=", key);
	for (const unsigned char *c = (const unsigned char *)value; *c; c++)
		words->at += (size_t)(*c <= ' ' || *c == '%' || *c == ',' || *c >= 127 ? sprintf(words->text + words->at, "%%%02x", *c) : sprintf(words->text + words->at, "%c", *c));
}

void driver_describe(char *text, size_t most)
{
	struct words words = {text, (size_t)snprintf(text, most, "ok"), most};
	int begun = driver_initialize(), version = 0;
	char driver[sizeof driver_version];
	ensure_nvml(0, driver);
	if (cu_driver_version)
		cu_driver_version(&version);
	add(&words, "driver", "%s", driver);
	add(&words, "cuda", "%d", version);
	add(&words, "way", "%s", lock && checkpoint && restore && unlock && get_state ? "library" : way_program()[0] ? "program" : "none");
	add(&words, "init", "%d", begun);
	add(&words, "missing", "%s", missing);
	add(&words, "nvmlmissing", "%s", nvml_missing);
}

static void describe_device(struct words *words, void *device)
{
	char name[96] = "", uuid[96] = "";
	unsigned minor = 0, persistence = 0, load[2] = {0, 0}, mig = 0, pending = 0;
	uint64_t memory[3] = {0, 0, 0};
	unsigned long long corrected = 0, uncorrected = 0;
	unsigned rows[2], pending_rows, remap_failed = 0;
	int error = nvml.memory ? nvml.memory(device, memory) : 0;
	if (nvml.name)
		nvml.name(device, name, sizeof name);
	if (nvml.uuid)
		nvml.uuid(device, uuid, sizeof uuid);
	if (nvml.minor)
		nvml.minor(device, &minor);
	if (nvml.persistence)
		nvml.persistence(device, &persistence);
	if (nvml.utilization)
		nvml.utilization(device, load);
	if (nvml.mig && nvml.mig(device, &mig, &pending))
		mig = 0;
	if (nvml.ecc && nvml.ecc(device, 0, 0, &corrected))
		corrected = 0;
	if (nvml.ecc && nvml.ecc(device, 1, 0, &uncorrected))
		uncorrected = 0;
	if (nvml.remapped && nvml.remapped(device, &rows[0], &rows[1], &pending_rows, &remap_failed))
		remap_failed = 0;
	add(words, "gpu", "%s", uuid);
	add(words, "name", "%s", name);
	add(words, "minor", "%u", minor);
	add(words, "total", "%llu", (unsigned long long)memory[0]);
	add(words, "used", "%llu", (unsigned long long)memory[2]);
	add(words, "load", "%u", load[0]);
	add(words, "persistence", "%u", persistence);
	add(words, "mig", "%u", mig);
	add(words, "corrected", "%llu", corrected);
	add(words, "uncorrected", "%llu", uncorrected);
	add(words, "remap", "%u", remap_failed);
	add(words, "error", "%d", error);
	unsigned xids[MOST_XIDS], xid_count = events_of(uuid, xids, MOST_XIDS);
	for (unsigned i = 0; i < xid_count; i++)
		add(words, "xid", "%u", xids[i]);
	struct nvml_process processes[MOST_PROCESSES];
	unsigned count = MOST_PROCESSES;
	/* Who reads it counts them: a list that NVML refuses, or a process whose memory it does not know, must not look like nothing. */
	if (nvml.processes && nvml.processes(device, &count, processes) == 0) {
		add(words, "processes", "%u", count);
		for (unsigned i = 0; i < count; i++)
			if (processes[i].used != NVML_VALUE_NOT_AVAILABLE)
				add(words, "process", "%u:%llu", processes[i].pid, processes[i].used);
	}
}

void driver_devices(char *text, size_t most, int anew)
{
	struct words words = {text, (size_t)snprintf(text, most, "ok"), most};
	unsigned count = 0;
	if (!ensure_nvml(anew, NULL) || !nvml.count || !nvml.by_index || nvml.count(&count)) {
		add(&words, "missing", "%s", nvml_missing[0] ? nvml_missing : "NVML does not answer");
		return;
	}
	for (unsigned index = 0; index < count; index++) {
		void *device;
		if (nvml.by_index(index, &device) == 0)
			describe_device(&words, device);
	}
}
