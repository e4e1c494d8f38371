/*
 * The stand-in's cards: one process that holds the memory of N devices and does their work.
 *
 *   cards FOLDER COUNT MODEL BYTES PERSONALITY SEED [GIGABYTES_PER_SECOND]
 *
 * Prints "ready" when all devices can be used. FOLDER/control takes one command a connection and answers with text:
 *   stats | fault CALL KIND ARGUMENT NTH | faults | clear | release | quirks BITS | health INDEX CORRECTED UNCORRECTED LOST [REMAP_FAILED] | mig INDEX 0|1 |
 *   xid INDEX NUMBER | mute 0|1 | unlisted 0|1 | vanish INDEX | appear INDEX | quit
 * "faults": how many of them no call has met yet. "mute": whoever asks how a card is waits until it is over, as one does whose driver hangs.
 * "unlisted": NVML can't say who uses a card.
 * Files in FOLDER are looked at by the libraries: cuInit fails while there is "cuinit-fails", nvmlInit while there is "nvml-fails", and no card is in persistence mode while there is "no-persistence".
 * "vanish": the card is taken out of the machine, for all that look for it later; "appear": it is put in again, or, behind the last one, a new one.
 * See wire.h for CALL and KIND (their names in lower case). FOLDER/calls lists every call of a driver function that a target carried out.
 */
#define _GNU_SOURCE
#include "wire.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define MOST_DEVICES 16
#define MOST_HANDLES 512
#define MOST_STREAMS 32
#define MOST_FAULTS 32
#define MOST_XIDS 64

struct work {
	struct work *next;
	uint32_t stream, kernel;
	struct launch launch;
};

struct connection {
	int socket;
	uint32_t pid;
	struct device *device;
	struct {
		char *bytes;
		uint64_t length;
	} handle[MOST_HANDLES];
	struct work *first, *last;
	uint32_t working_on; /* the stream whose work is being done; 0: none */
	int ended;
	uint64_t used;
	pthread_cond_t changed;
	struct connection *next;
};

static struct device devices[MOST_DEVICES];
static uint64_t used[MOST_DEVICES], peak[MOST_DEVICES], health[MOST_DEVICES][2];
static uint32_t lost[MOST_DEVICES], remap_failed[MOST_DEVICES];
static uint32_t xids[MOST_DEVICES][MOST_XIDS], xid_count[MOST_DEVICES];
static int mute, unlisted;
static int device_count;
static struct connection *connections;
static double bytes_per_second;
static struct {
	uint32_t call, kind, nth;
	uint64_t argument;
} faults[MOST_FAULTS];
static unsigned releases;
static const char *folder;
static pthread_mutex_t all = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER, erred = PTHREAD_COND_INITIALIZER;

static const char *const calls[] = {"", "state", "lock", "checkpoint", "restore", "unlock", "thread"};
static const char *const kinds[] = {"none", "error", "hang", "slow", "die", "wedge", "lie"};

static int index_of(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* ---- work ---- */

static char *at(struct connection *c, uint64_t handle, uint64_t offset, uint64_t length)
{
	if (handle == 0 || handle >= MOST_HANDLES || !c->handle[handle].bytes)
		return NULL;
	if (offset > c->handle[handle].length || length > c->handle[handle].length - offset)
		return NULL;
	return c->handle[handle].bytes + offset;
}

static void sleep_millis(uint64_t millis)
{
	struct timespec time = {(time_t)(millis / 1000), (long)(millis % 1000) * 1000000};
	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		;
}

/* Every kernel is a fixed sequence of IEEE operations: the same bits wherever it runs. */
static void compute(struct connection *c, uint32_t kernel, const struct launch *l)
{
	float *x = (float *)(void *)at(c, l->handle[0], l->offset[0], l->count * 4);
	float *y = (float *)(void *)at(c, l->handle[1], l->offset[1], kernel == KERNEL_CHECKSUM ? 8 : l->count * 4);
	if (kernel == KERNEL_SPIN) {
		sleep_millis(l->count);
	} else if (!x || !y) {
		return;
	} else if (kernel == KERNEL_AXPY) {
		for (uint64_t i = 0; i < l->count; i++)
			y[i] = l->scale * x[i] + y[i];
	} else if (kernel == KERNEL_SGD_STEP) {
		/* x: weights, y: momentum. The gradient is that of (w - target)^2 with a target that depends on place and step. */
		for (uint64_t i = 0; i < l->count; i++) {
			float target = (float)((i * 2654435761u + l->step * 40503u) % 1000) * 0.001f;
			y[i] = 0.9f * y[i] + (x[i] - target);
			x[i] = x[i] - l->scale * y[i];
		}
	} else if (kernel == KERNEL_CHECKSUM) {
		uint64_t sum = 14695981039346656037u;
		for (uint64_t i = 0; i < l->count; i++) {
			uint32_t bits;
			memcpy(&bits, x + i, 4);
			sum = (sum ^ bits) * 1099511628211u;
		}
		memcpy(y, &sum, 8);
	}
}

/* Does a connection's queued work, in order; the memory belongs to it while `working_on` says so. */
static void *worker(void *argument)
{
	struct connection *c = argument;
	pthread_mutex_lock(&all);
	while (!c->ended || c->first) {
		if (!c->first) {
			pthread_cond_wait(&c->changed, &all);
			continue;
		}
		struct work *work = c->first;
		c->first = work->next;
		if (!c->first)
			c->last = NULL;
		c->working_on = work->stream + 1; /* the default stream is 0 */
		int dead = c->ended;
		pthread_mutex_unlock(&all);
		if (!dead)
			compute(c, work->kernel, &work->launch);
		free(work);
		pthread_mutex_lock(&all);
		c->working_on = 0;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&all);
	return NULL;
}

static int is_busy(struct connection *c, uint32_t stream)
{
	if (c->working_on && (stream == 0 || c->working_on == stream + 1))
		return 1;
	for (struct work *work = c->first; work; work = work->next)
		if (stream == 0 || work->stream == stream)
			return 1;
	return 0;
}

static void await_stream(struct connection *c, uint32_t stream)
{
	while (is_busy(c, stream))
		pthread_cond_wait(&c->changed, &all);
}

static void charge(uint64_t bytes)
{
	if (bytes_per_second > 0)
		sleep_millis((uint64_t)((double)bytes * 1000.0 / bytes_per_second));
}

/* ---- requests ---- */

static void fill_stats(struct device *device, struct stats *stats)
{
	memset(stats, 0, sizeof *stats);
	uint32_t index = device->index;
	stats->device = *device;
	stats->used = used[index];
	stats->peak = peak[index];
	stats->corrected_errors = health[index][0];
	stats->uncorrected_errors = health[index][1];
	stats->lost = lost[index];
	stats->remap_failed = remap_failed[index];
	for (struct connection *c = connections; c; c = c->next) {
		if (c->device != device || c->used == 0)
			continue;
		for (int i = 1; i < MOST_HANDLES; i++)
			stats->allocations += c->handle[i].bytes != NULL;
		if (stats->processes < MOST_PROCESSES) {
			stats->process[stats->processes].pid = c->pid;
			stats->process[stats->processes++].used = c->used;
		}
		stats->busy_percent = is_busy(c, 0) ? 100 : stats->busy_percent;
	}
	if (unlisted)
		stats->processes = UINT32_MAX;
}

static void take_fault(struct connection *c, const struct request *request, struct reply *reply)
{
	char line[96];
	int length = snprintf(line, sizeof line, "%u %s\n", c->pid, request->a < 7 ? calls[request->a] : "?");
	char path[200];
	snprintf(path, sizeof path, "%s/calls", folder);
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log >= 0) {
		if (write(log, line, (size_t)length) < 0)
			perror("calls");
		close(log);
	}
	for (int i = 0; i < MOST_FAULTS; i++) {
		if (faults[i].kind == 0 || faults[i].call != request->a)
			continue;
		if (--faults[i].nth > 0)
			continue;
		reply->value = faults[i].kind;
		reply->argument = faults[i].argument;
		faults[i].kind = 0;
		return;
	}
}

/* The error behind those that are known, or after a while that there is none. Who knows more than there are learns how many there are. */
static void await_xid(uint32_t index, const struct request *r, struct reply *reply)
{
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += (time_t)(r->b / 1000);
	end.tv_nsec += (long)(r->b % 1000) * 1000000;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (r->a == xid_count[index] && pthread_cond_timedwait(&erred, &all, &end) == 0)
		;
	if (r->a < xid_count[index]) {
		reply->value = xids[index][r->a];
		reply->argument = r->a + 1;
	} else {
		reply->error = 10; /* NVML_ERROR_TIMEOUT */
		reply->argument = xid_count[index];
	}
}

static int allocate(struct connection *c, uint64_t bytes, uint64_t *handle)
{
	uint32_t index = c->device->index;
	if (bytes == 0)
		return 1;
	if (used[index] + bytes > c->device->memory)
		return 2;
	for (int i = 1; i < MOST_HANDLES; i++) {
		if (c->handle[i].bytes)
			continue;
		char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			return 2;
		c->handle[i].bytes = memory;
		c->handle[i].length = bytes;
		used[index] += bytes;
		c->used += bytes;
		if (used[index] > peak[index])
			peak[index] = used[index];
		*handle = (uint64_t)i;
		return 0;
	}
	return 2;
}

static void release(struct connection *c, uint64_t handle)
{
	munmap(c->handle[handle].bytes, c->handle[handle].length);
	used[c->device->index] -= c->handle[handle].length;
	c->used -= c->handle[handle].length;
	c->handle[handle].bytes = NULL;
}

/* One request with the lock held; the payload is read and written without it. */
static int serve(struct connection *c, const struct request *r)
{
	struct reply reply = {0};
	struct stats stats;
	const void *payload = NULL;
	char *memory;
	switch (r->operation) {
	case OP_HELLO:
		payload = c->device;
		reply.length = sizeof *c->device;
		reply.error = lost[c->device->index] ? 100 : 0;
		break;
	case OP_ALLOCATE:
		reply.error = allocate(c, r->a, &reply.value);
		break;
	case OP_FREE:
		await_stream(c, 0);
		if (at(c, r->a, 0, 0))
			release(c, r->a);
		else
			reply.error = 1;
		break;
	case OP_WRITE:
	case OP_READ: {
		await_stream(c, 0);
		uint64_t length = r->operation == OP_WRITE ? r->length : r->c;
		memory = at(c, r->a, r->b, length);
		if (!memory && r->operation == OP_WRITE)
			return -1;
		pthread_mutex_unlock(&all);
		charge(length);
		int failed = r->operation == OP_WRITE && read_all(c->socket, memory, length) < 0;
		pthread_mutex_lock(&all);
		if (failed)
			return -1;
		if (!memory)
			reply.error = 1;
		else if (r->operation == OP_READ) {
			payload = memory;
			reply.length = length;
		}
		break;
	}
	case OP_COPY: {
		await_stream(c, 0);
		char *to = at(c, r->c, r->d, r->e);
		memory = at(c, r->a, r->b, r->e);
		if (to && memory)
			memmove(to, memory, r->e);
		else
			reply.error = 1;
		break;
	}
	case OP_SET:
		await_stream(c, 0);
		memory = at(c, r->a, r->b, r->c);
		if (memory)
			memset(memory, (int)r->d, r->c);
		else
			reply.error = 1;
		break;
	case OP_LAUNCH: {
		struct work *work = calloc(1, sizeof *work);
		if (!work || r->length != sizeof work->launch || read_all(c->socket, &work->launch, sizeof work->launch) < 0) {
			free(work);
			return -1;
		}
		work->stream = r->stream;
		work->kernel = (uint32_t)r->a;
		if (c->last)
			c->last->next = work;
		else
			c->first = work;
		c->last = work;
		pthread_cond_broadcast(&c->changed);
		break;
	}
	case OP_SYNC:
		await_stream(c, (uint32_t)r->a);
		break;
	case OP_QUERY:
		reply.value = (uint64_t)is_busy(c, (uint32_t)r->a);
		break;
	case OP_FAULT:
		take_fault(c, r, &reply);
		break;
	case OP_HANG: {
		unsigned before = releases;
		while (releases == before)
			pthread_cond_wait(&released, &all);
		break;
	}
	case OP_XID:
		await_xid(c->device->index, r, &reply);
		break;
	case OP_STATS:
		while (mute)
			pthread_cond_wait(&released, &all);
		fill_stats(c->device, &stats);
		payload = &stats;
		reply.length = sizeof stats;
		break;
	default:
		return -1;
	}
	pthread_mutex_unlock(&all);
	int failed = write_all(c->socket, &reply, sizeof reply) < 0 || (reply.length > 0 && write_all(c->socket, payload, reply.length) < 0);
	pthread_mutex_lock(&all);
	return failed ? -1 : 0;
}

static void *connection(void *argument)
{
	struct connection *c = argument;
	pthread_t thread;
	pthread_create(&thread, NULL, worker, c);
	struct request request;
	while (read_all(c->socket, &request, sizeof request) == 0) {
		pthread_mutex_lock(&all);
		int failed = serve(c, &request);
		pthread_mutex_unlock(&all);
		if (failed)
			break;
	}
	pthread_mutex_lock(&all);
	c->ended = 1;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&all);
	pthread_join(thread, NULL);
	/* What a process leaves behind is freed when its descriptor is gone, as by the driver. */
	pthread_mutex_lock(&all);
	for (uint64_t i = 1; i < MOST_HANDLES; i++)
		if (c->handle[i].bytes)
			release(c, i);
	for (struct connection **link = &connections; *link; link = &(*link)->next) {
		if (*link == c) {
			*link = c->next;
			break;
		}
	}
	pthread_mutex_unlock(&all);
	close(c->socket);
	free(c);
	return NULL;
}

static int listen_at(const char *name)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, path);
	unlink(path);
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (file < 0 || bind(file, (struct sockaddr *)&address, sizeof address) < 0 || listen(file, 64) < 0) {
		fprintf(stderr, "cards: can't listen at %s: %s\n", path, strerror(errno));
		exit(1);
	}
	chmod(path, 0777);
	return file;
}

struct door {
	int socket;
	struct device *device;
};

static void *door(void *argument)
{
	struct door *door = argument;
	for (;;) {
		int file = accept4(door->socket, NULL, NULL, SOCK_CLOEXEC);
		if (file < 0)
			continue;
		struct connection *c = calloc(1, sizeof *c);
		struct ucred peer = {0};
		socklen_t length = sizeof peer;
		getsockopt(file, SOL_SOCKET, SO_PEERCRED, &peer, &length);
		c->socket = file;
		c->pid = (uint32_t)peer.pid;
		c->device = door->device;
		pthread_cond_init(&c->changed, NULL);
		pthread_mutex_lock(&all);
		c->next = connections;
		connections = c;
		pthread_mutex_unlock(&all);
		pthread_t thread;
		pthread_create(&thread, NULL, connection, c);
		pthread_detach(thread);
	}
	return NULL;
}

/* ---- cards ---- */

static struct {
	const char *model, *seed;
	uint64_t memory;
	uint32_t personality;
} kind;

static void add_card(int i)
{
	char name[64], path[200];
	struct device *device = &devices[i];
	device->index = (uint32_t)i;
	device->memory = kind.memory;
	device->personality = kind.personality;
	snprintf(device->name, sizeof device->name, "%s", kind.model);
	/* The order of UUIDs is not that of the indices, as on real machines. */
	memset(device->uuid, 0, sizeof device->uuid);
	snprintf((char *)device->uuid, sizeof device->uuid, "%c%.12s", 'a' + (i * 7 + 3) % 16, kind.seed);
	device->uuid[15] = (unsigned char)i;
	snprintf(path, sizeof path, "%s/nvidia%d", folder, i);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	chmod(path, 0666);
	struct door *one = malloc(sizeof *one);
	snprintf(name, sizeof name, "nvidia%d.sock", i);
	one->socket = listen_at(name);
	one->device = device;
	pthread_t thread;
	pthread_create(&thread, NULL, door, one);
}

/* Who has a card open keeps it, as processes do whose card was taken out. */
static int move_card(int i, int out)
{
	static const char *const names[] = {"nvidia%d", "nvidia%d.sock"};
	char here[200], away[200], name[64];
	int failed = 0;
	for (int k = 0; k < 2; k++) {
		snprintf(name, sizeof name, names[k], i);
		snprintf(here, sizeof here, "%s/%s", folder, name);
		snprintf(away, sizeof away, "%s/out-%s", folder, name);
		failed |= out ? rename(here, away) : rename(away, here);
	}
	return failed;
}

/* ---- control ---- */

static void add_fault(int call, int kind, uint64_t argument, uint32_t nth)
{
	for (int i = 0; i < MOST_FAULTS; i++) {
		if (faults[i].kind)
			continue;
		faults[i].call = (uint32_t)call;
		faults[i].kind = (uint32_t)kind;
		faults[i].argument = argument;
		faults[i].nth = nth;
		return;
	}
}

static void control(int file)
{
	char text[256] = {0}, call[32], kind[32], answer[4096] = "ok\n";
	ssize_t got = read(file, text, sizeof text - 1);
	unsigned long long one, two, three, four, five = 0;
	pthread_mutex_lock(&all);
	if (got > 0 && strncmp(text, "stats", 5) == 0) {
		int length = 0;
		for (int i = 0; i < device_count; i++) {
			struct stats s;
			fill_stats(&devices[i], &s);
			length += snprintf(answer + length, sizeof answer - (size_t)length, "%d used=%llu allocations=%llu peak=%llu processes=%u\n", i,
					   (unsigned long long)s.used, (unsigned long long)s.allocations, (unsigned long long)s.peak, s.processes);
		}
	} else if (sscanf(text, "fault %31s %31s %llu %llu", call, kind, &one, &two) == 4 && index_of(calls, 7, call) > 0 && index_of(kinds, 7, kind) > 0) {
		add_fault(index_of(calls, 7, call), index_of(kinds, 7, kind), one, (uint32_t)two);
	} else if (strncmp(text, "faults", 6) == 0) {
		int left = 0;
		for (int i = 0; i < MOST_FAULTS; i++)
			left += faults[i].kind != 0;
		snprintf(answer, sizeof answer, "%d\n", left);
	} else if (strncmp(text, "clear", 5) == 0) {
		memset(faults, 0, sizeof faults);
	} else if (strncmp(text, "release", 7) == 0) {
		releases++;
		mute = 0;
		pthread_cond_broadcast(&released);
	} else if (sscanf(text, "quirks %llu", &one) == 1) {
		for (int i = 0; i < device_count; i++)
			devices[i].quirks = (uint32_t)one;
	} else if (sscanf(text, "health %llu %llu %llu %llu %llu", &one, &two, &three, &four, &five) >= 4 && one < (unsigned)device_count) {
		health[one][0] = two;
		health[one][1] = three;
		lost[one] = (uint32_t)four;
		remap_failed[one] = (uint32_t)five;
	} else if (sscanf(text, "xid %llu %llu", &one, &two) == 2 && one < (unsigned)device_count && xid_count[one] < MOST_XIDS) {
		xids[one][xid_count[one]++] = (uint32_t)two;
		pthread_cond_broadcast(&erred);
	} else if (sscanf(text, "mute %llu", &one) == 1) {
		mute = one != 0;
		pthread_cond_broadcast(&released);
	} else if (sscanf(text, "unlisted %llu", &one) == 1) {
		unlisted = one != 0;
	} else if (sscanf(text, "mig %llu %llu", &one, &two) == 2 && one < (unsigned)device_count) {
		devices[one].mig = (uint32_t)two;
	} else if (sscanf(text, "vanish %llu", &one) == 1 && one < (unsigned)device_count) {
		snprintf(answer, sizeof answer, "%s\n", move_card((int)one, 1) ? strerror(errno) : "ok");
	} else if (sscanf(text, "appear %llu", &one) == 1 && one <= (unsigned)device_count && one < MOST_DEVICES) {
		if (one == (unsigned)device_count)
			add_card(device_count++);
		else
			snprintf(answer, sizeof answer, "%s\n", move_card((int)one, 0) ? strerror(errno) : "ok");
	} else if (strncmp(text, "quit", 4) == 0) {
		_exit(0);
	} else {
		snprintf(answer, sizeof answer, "unknown: %s", text);
	}
	pthread_mutex_unlock(&all);
	write_all(file, answer, strlen(answer));
	close(file);
}

int main(int count, char **argument)
{
	if (count < 7) {
		fprintf(stderr, "usage: cards FOLDER COUNT MODEL BYTES PERSONALITY SEED [GIGABYTES_PER_SECOND]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	folder = argument[1];
	device_count = atoi(argument[2]);
	if (device_count < 1 || device_count > MOST_DEVICES) {
		fprintf(stderr, "cards: COUNT must be between 1 and %d\n", MOST_DEVICES);
		return 2;
	}
	bytes_per_second = count > 7 ? atof(argument[7]) * 1e9 : 0;
	int control_socket = listen_at("control");
	for (int i = 0; i < 2; i++) {
		char path[200];
		snprintf(path, sizeof path, "%s/%s", folder, i ? "gdrdrv" : "nvidia-uvm");
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	}
	kind.model = argument[3];
	kind.memory = strtoull(argument[4], NULL, 10);
	kind.personality = (uint32_t)atoi(argument[5]);
	kind.seed = argument[6];
	for (int i = 0; i < device_count; i++)
		add_card(i);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int file = accept4(control_socket, NULL, NULL, SOCK_CLOEXEC);
		if (file >= 0)
			control(file);
	}
}
