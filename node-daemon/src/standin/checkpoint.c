/*
 * The checkpoint half of the stand-in's libcuda.so.1. A thread of the target carries out what callers ask over two pipes, whose
 * descriptors are in the thread's name: so a frozen target makes every caller hang, a caller that is killed leaves its answer for the
 * next one, and all of it comes back with the process after a CRIU restore, as with the driver.
 */
#define _GNU_SOURCE
#include "cuda.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

static int orders[2], answers[2];

/* ---- in the target ---- */

static uint64_t now_millis(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int any_work(void)
{
	for (int i = 0; i < card_count; i++) {
		struct reply reply = {0};
		if (cards[i].socket >= 0 && call_card(&cards[i], (struct request){.operation = OP_QUERY}, NULL, &reply, NULL, 0) == SUCCESS && reply.value)
			return 1;
	}
	return 0;
}

static int lock_process(uint32_t timeout)
{
	if (state != RUNNING)
		return ILLEGAL_STATE;
	uint64_t end = now_millis() + timeout;
	pthread_mutex_lock(&gate);
	locked = 1;
	int busy = 1;
	for (;;) {
		busy = calls_in_flight > 0;
		pthread_mutex_unlock(&gate);
		busy = busy || any_work();
		if (busy && !(timeout && now_millis() >= end))
			usleep(500);
		pthread_mutex_lock(&gate);
		if (!busy || (timeout && now_millis() >= end))
			break;
	}
	if (busy) {
		locked = 0;
		pthread_cond_broadcast(&gate_changed);
	} else {
		state = LOCKED;
	}
	pthread_mutex_unlock(&gate);
	return busy ? NOT_READY : SUCCESS;
}

static void close_card(struct card *card)
{
	if (card->socket >= 0)
		close(card->socket);
	if (card->file >= 0)
		close(card->file);
	card->socket = card->file = -1;
}

static int hang(void)
{
	struct reply reply;
	for (int i = 0; i < card_count; i++)
		if (cards[i].socket >= 0)
			return call_card(&cards[i], (struct request){.operation = OP_HANG}, NULL, &reply, NULL, 0);
	struct device device;
	for (int i = 0; i < MOST_CARDS; i++) {
		int socket = open_device(i, &device);
		if (socket < 0)
			continue;
		int failed = exchange(socket, (struct request){.operation = OP_HANG}, NULL, &reply, NULL, 0);
		close(socket);
		return failed;
	}
	return -1;
}

static int checkpoint_process(void)
{
	if (state != LOCKED)
		return ILLEGAL_STATE;
	if (uses_multicast || (shares_by_ipc && cards[0].device.personality < 610))
		hang();
	if (cards[0].device.mig)
		return OUT_OF_MEMORY;
	for (int i = 0; i < MOST_MEMORIES; i++) {
		struct memory *memory = &memories[i];
		if (!memory->length)
			continue;
		memory->saved = mmap(NULL, memory->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct reply reply;
		struct request request = {.operation = OP_READ, .a = memory->handle, .c = memory->length};
		if (memory->saved == MAP_FAILED || call_card(&cards[memory->card], request, NULL, &reply, memory->saved, memory->length)) {
			state = FAILED;
			return UNKNOWN;
		}
	}
	for (int i = 0; i < card_count; i++) {
		cards[i].wanted = cards[i].socket >= 0;
		close_card(&cards[i]);
	}
	state = CHECKPOINTED;
	return SUCCESS;
}

/* The UUID that a device shall have after the restore; NULL: the map lacks it. */
static const unsigned char *mapped(const struct order *order, const unsigned char *uuid)
{
	for (uint32_t i = 0; i < order->pairs; i++)
		if (memcmp(order->pair[i].before, uuid, 16) == 0)
			return order->pair[i].after;
	return order->pairs ? NULL : uuid;
}

static int open_by_uuid(struct card *card, const unsigned char *uuid, struct device *device)
{
	for (int number = 0; number < MOST_CARDS; number++) {
		int socket = open_device(number, device);
		if (socket < 0)
			continue;
		if (memcmp(device->uuid, uuid, 16) == 0) {
			card->socket = socket;
			card->file = open_device_file(device->index);
			return SUCCESS;
		}
		close(socket);
	}
	return INVALID_DEVICE;
}

static int bring_back(struct memory *memory)
{
	struct card *card = &cards[memory->card];
	struct reply reply = {0};
	int error = call_card(card, (struct request){.operation = OP_ALLOCATE, .a = memory->length}, NULL, &reply, NULL, 0);
	if (error)
		return error;
	memory->handle = reply.value;
	return call_card(card, (struct request){.operation = OP_WRITE, .a = memory->handle, .length = memory->length}, memory->saved, &reply, NULL, 0);
}

static int restore_process(const struct order *order)
{
	if (state != CHECKPOINTED)
		return ILLEGAL_STATE;
	if (order->pairs && getenv("CUDA_VISIBLE_DEVICES"))
		return INVALID_VALUE;
	if (order->pairs && cards[0].device.personality < 580)
		return NOT_SUPPORTED;
	if (exported_memory) {
		state = FAILED;
		return UNKNOWN;
	}
	struct device next[MOST_CARDS];
	int error = SUCCESS;
	for (int i = 0; i < card_count && !error; i++) {
		const unsigned char *uuid = mapped(order, cards[i].device.uuid);
		error = uuid ? open_by_uuid(&cards[i], uuid, &next[i]) : INVALID_VALUE;
		if (!error && strcmp(next[i].name, cards[i].device.name) != 0)
			error = INVALID_DEVICE;
	}
	for (int i = 0; i < MOST_MEMORIES && !error; i++)
		if (memories[i].length)
			error = bring_back(&memories[i]);
	if (error) {
		for (int i = 0; i < card_count; i++)
			close_card(&cards[i]);
		if (error == OUT_OF_MEMORY && (cards[0].device.quirks & QUIRK_OUT_OF_MEMORY_WEDGES))
			state = FAILED;
		return error;
	}
	for (int i = 0; i < card_count; i++) {
		cards[i].device = next[i];
		if (!cards[i].wanted)
			close_card(&cards[i]);
	}
	for (int i = 0; i < MOST_MEMORIES; i++) {
		if (memories[i].saved)
			munmap(memories[i].saved, memories[i].length);
		memories[i].saved = NULL;
	}
	state = LOCKED;
	return SUCCESS;
}

static int unlock_process(void)
{
	if (state != LOCKED)
		return ILLEGAL_STATE;
	pthread_mutex_lock(&gate);
	state = RUNNING;
	locked = 0;
	pthread_cond_broadcast(&gate_changed);
	pthread_mutex_unlock(&gate);
	return SUCCESS;
}

/* What a test wants to go wrong with this call; 0: nothing. */
static int fault_of(uint32_t call, uint64_t *argument)
{
	struct reply reply = {0};
	struct device device;
	for (int number = 0; number < MOST_CARDS; number++) {
		int socket = open_device(number, &device);
		if (socket < 0)
			continue;
		int failed = exchange(socket, (struct request){.operation = OP_FAULT, .a = call}, NULL, &reply, NULL, 0);
		close(socket);
		*argument = reply.argument;
		return failed ? FAULT_NONE : (int)reply.value;
	}
	return FAULT_NONE;
}

static struct answer carry_out(const struct order *order)
{
	struct answer answer = {SUCCESS, 0};
	uint64_t argument = 0;
	switch (fault_of(order->call, &argument)) {
	case FAULT_ERROR:
		answer.error = (int32_t)argument;
		return answer;
	case FAULT_HANG:
		hang();
		break;
	case FAULT_SLOW:
		usleep((useconds_t)argument * 1000);
		break;
	case FAULT_DIE:
		kill(getpid(), SIGKILL);
		break;
	case FAULT_WEDGE:
		state = FAILED;
		answer.error = (int32_t)argument;
		return answer;
	case FAULT_LIE:
		answer.value = (int32_t)argument;
		return answer;
	default:
		break;
	}
	switch (order->call) {
	case CALL_STATE:
		answer.value = state;
		break;
	case CALL_LOCK:
		answer.error = lock_process(order->timeout_millis);
		break;
	case CALL_CHECKPOINT:
		answer.error = checkpoint_process();
		break;
	case CALL_RESTORE:
		answer.error = restore_process(order);
		break;
	case CALL_UNLOCK:
		answer.error = unlock_process();
		break;
	case CALL_THREAD:
		break;
	default:
		answer.error = INVALID_VALUE;
	}
	return answer;
}

static void *servant(void *nothing)
{
	char name[16];
	snprintf(name, sizeof name, "cuda%05x%06x", (unsigned)orders[1], (unsigned)answers[0]);
	prctl(PR_SET_NAME, name);
	struct order order;
	while (read_all(orders[0], &order, sizeof order) == 0) {
		struct answer answer = carry_out(&order);
		if (write_all(answers[1], &answer, sizeof answer) < 0)
			break;
	}
	return nothing;
}

int start_servant(void)
{
	static int started;
	if (started)
		return 0;
	sigset_t every, before;
	sigfillset(&every);
	if (pipe2(orders, O_CLOEXEC) < 0 || pipe2(answers, O_CLOEXEC) < 0)
		return -1;
	pthread_t thread;
	pthread_sigmask(SIG_SETMASK, &every, &before);
	int failed = pthread_create(&thread, NULL, servant, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	started = !failed;
	return failed ? -1 : 0;
}

/* ---- in the caller ---- */

static int text_of(const char *path, char *text, size_t most)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	ssize_t got = read(file, text, most - 1);
	close(file);
	text[got > 0 ? got : 0] = 0;
	return 0;
}

/* Whether an id is that of a thread, not of a process. */
static int is_thread(int pid)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	const char *group;
	return text_of(path, text, sizeof text) == 0 && (group = strstr(text, "\nTgid:")) && atoi(group + 6) != pid;
}

static uint32_t quirks(void)
{
	struct device device = {0};
	for (int number = 0; number < MOST_CARDS; number++) {
		int socket = open_device(number, &device);
		if (socket >= 0) {
			close(socket);
			break;
		}
	}
	return device.quirks;
}

/* Finds the target's thread, and its pipes when they are wanted. */
static int find_servant(int pid, int *thread, int *out, int *in)
{
	char path[300], name[32];
	if (pid > 0 && is_thread(pid)) {
		if (quirks() & QUIRK_THREAD_ID_WRECKS)
			kill(pid, SIGKILL);
		return INVALID_VALUE;
	}
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *tasks = pid > 0 ? opendir(path) : NULL;
	if (!tasks)
		return INVALID_VALUE;
	int result = NOT_INITIALIZED;
	struct dirent *entry;
	while ((entry = readdir(tasks)) && result == NOT_INITIALIZED) {
		unsigned write_end, read_end;
		snprintf(path, sizeof path, "/proc/%d/task/%s/comm", pid, entry->d_name);
		if (entry->d_name[0] == '.' || text_of(path, name, sizeof name) < 0)
			continue;
		if (strlen(name) != 16 || sscanf(name, "cuda%5x%6x", &write_end, &read_end) != 2)
			continue;
		*thread = atoi(entry->d_name);
		result = SUCCESS;
		if (!out)
			break;
		snprintf(path, sizeof path, "/proc/%d/fd/%u", pid, write_end);
		*out = open(path, O_WRONLY | O_CLOEXEC);
		snprintf(path, sizeof path, "/proc/%d/fd/%u", pid, read_end);
		*in = open(path, O_RDONLY | O_CLOEXEC);
		if (*out < 0 || *in < 0)
			result = OPERATING_SYSTEM;
	}
	closedir(tasks);
	return result;
}

static int order(int pid, const struct order *order, int *value)
{
	int out = -1, in = -1, thread;
	int result = find_servant(pid, &thread, &out, &in);
	struct answer answer = {0, 0};
	if (result == SUCCESS && (write_all(out, order, sizeof *order) < 0 || read_all(in, &answer, sizeof answer) < 0))
		result = OPERATING_SYSTEM;
	if (out >= 0)
		close(out);
	if (in >= 0)
		close(in);
	if (value)
		*value = answer.value;
	return result ? result : answer.error;
}

static int is_zero(const void *bytes, size_t count)
{
	const unsigned char *at = bytes;
	for (size_t i = 0; i < count; i++)
		if (at[i])
			return 0;
	return 1;
}

/* Trap 1: the target is asked here too. Who it is in the caller's PID namespace the caller finds. */
int cuCheckpointProcessGetRestoreThreadId(int pid, int *thread)
{
	int result = thread ? find_servant(pid, thread, NULL, NULL) : INVALID_VALUE;
	return result ? result : order(pid, &(struct order){.call = CALL_THREAD}, NULL);
}

/* Trap 4: it answers for a process without CUDA state, too. */
int cuCheckpointProcessGetState(int pid, int *value)
{
	if (!value)
		return INVALID_VALUE;
	int result = order(pid, &(struct order){.call = CALL_STATE}, value);
	if (result == NOT_INITIALIZED) {
		*value = RUNNING;
		return SUCCESS;
	}
	return result;
}

int cuCheckpointProcessLock(int pid, const void *arguments)
{
	struct order what = {.call = CALL_LOCK};
	if (arguments) {
		if (!is_zero((const char *)arguments + 4, 60))
			return INVALID_VALUE;
		memcpy(&what.timeout_millis, arguments, 4);
	}
	return order(pid, &what, NULL);
}

int cuCheckpointProcessCheckpoint(int pid, const void *arguments)
{
	if (arguments && !is_zero(arguments, 64))
		return INVALID_VALUE;
	return order(pid, &(struct order){.call = CALL_CHECKPOINT}, NULL);
}

int cuCheckpointProcessRestore(int pid, const void *arguments)
{
	struct order what = {.call = CALL_RESTORE};
	if (!initialized)
		return NOT_INITIALIZED;
	if (arguments) {
		struct gpu_pair *pairs;
		memcpy(&pairs, arguments, sizeof pairs);
		memcpy(&what.pairs, (const char *)arguments + 8, 4);
		if (!is_zero((const char *)arguments + 12, 52) || what.pairs > MOST_CARDS || (what.pairs && !pairs))
			return INVALID_VALUE;
		if (what.pairs)
			memcpy(what.pair, pairs, what.pairs * sizeof *pairs);
	}
	return order(pid, &what, NULL);
}

int cuCheckpointProcessUnlock(int pid, const void *arguments)
{
	if (arguments && !is_zero(arguments, 64))
		return INVALID_VALUE;
	return order(pid, &(struct order){.call = CALL_UNLOCK}, NULL);
}
