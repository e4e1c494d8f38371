/*
 * ferry-gpu: makes the calls of NVIDIA's driver that save and bring back GPU state, for a daemon that may die at any time.
 *
 *   ferry-gpu FOLDER LINGER_SECONDS LIBRARY NVML PROGRAM
 *
 * A caller that is killed in the middle of such a call and the driver don't agree any more on what happened. So the calls are made here, in
 * a process that outlives the daemon's restarts and upgrades and ends by itself: when it was asked to or nobody has been connected for
 * LINGER_SECONDS, and no call is in flight. FOLDER/socket takes connections; FOLDER/calls is the journal: each call's intent is there before it is
 * made, and its result before it is said. One thread makes the calls on one process; a second call on it is refused while one is in flight, as is
 * a second question of one kind ("info", "devices"): the libraries may take their time for an answer, or never give one.
 *
 * A request is a line "ID VERB ARGUMENT...", the answer a line "ID ok KEY=VALUE..." or "ID refused REASON":
 *   info | devices [anew] | calls | quit | state PID START | thread PID START | lock PID START MILLIS | checkpoint PID START |
 *   restore PID START OLDHEX=NEWHEX,...|- | unlock PID START
 * START is the process's start time in clock ticks (proc_pid_stat(5)): with the pid it names one process for ever.
 *
 * Exit status: 0 not needed any more, 3 another helper has the folder, 1 it can't work, with the reason on standard error.
 */
#define _GNU_SOURCE
#include "ferry-gpu.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST_CALLS 256
#define MOST_DOUBTS MOST_CALLS
#define MOST_PAIRS 64
#define ANSWER 65536
#define JOURNAL_LIMIT (1 << 20)

struct connection {
	int socket, users;
	pthread_mutex_t mutex;
};

/* Questions: they change nothing, so they are not in the journal. */
enum { DEVICES = VERB_COUNT, INFO };

struct call {
	char id[96];
	enum verb verb;
	int what; /* a verb, or a question to the libraries */
	int pid;
	unsigned long long start;
	unsigned timeout;
	unsigned pair_count;
	struct gpu_pair pairs[MOST_PAIRS];
	struct timespec began;
	struct connection *connection;
	int used;
};

static const char *const verbs[] = {"state", "thread", "lock", "checkpoint", "restore", "unlock", "devices", "info"};
static struct call calls[MOST_CALLS];
static struct {
	int pid;
	unsigned long long start;
	char verb[16];
} doubts[MOST_DOUBTS];
static int doubt_count, connection_count, quitting, ending, journal = -1;
static const char *folder;
static pthread_mutex_t all = PTHREAD_MUTEX_INITIALIZER;

static long long micros_since(struct timespec from)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from.tv_sec) * 1000000ll + (now.tv_nsec - from.tv_nsec) / 1000;
}

/* ---- the journal ---- */

static void path_of(char *path, size_t most, const char *name)
{
	snprintf(path, most, "%s/%s", folder, name);
}

/* What an earlier helper began and did not end: nobody knows whether it happened. */
static void read_journal(void)
{
	char path[512], line[256], id[96], verb[16];
	path_of(path, sizeof path, "calls");
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	static struct {
		char id[96];
	} open[MOST_DOUBTS];
	int open_count = 0, pid;
	unsigned long long start;
	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "begin %95s %15s %d %llu", id, verb, &pid, &start) == 4 && open_count < MOST_DOUBTS) {
			snprintf(open[open_count].id, sizeof open[0].id, "%s", id);
			doubts[open_count].pid = pid;
			doubts[open_count].start = start;
			snprintf(doubts[open_count++].verb, sizeof doubts[0].verb, "%s", verb);
		} else if (sscanf(line, "end %95s", id) == 1) {
			for (int i = 0; i < open_count; i++) {
				if (strcmp(open[i].id, id) != 0)
					continue;
				open[i] = open[--open_count];
				doubts[i] = doubts[open_count];
				break;
			}
		}
	}
	fclose(file);
	doubt_count = open_count;
}

/* Writes a line on a call; while no other one is in flight what stands there is needed no more. Not synced: what a power cut loses, it also ended. */
static void record(const struct call *call, const char *line)
{
	struct stat status;
	int busy = 0;
	for (int i = 0; i < MOST_CALLS; i++)
		busy |= &calls[i] != call && calls[i].used && calls[i].what < VERB_COUNT;
	if (!busy && fstat(journal, &status) == 0 && status.st_size > JOURNAL_LIMIT && ftruncate(journal, 0) < 0)
		return;
	if (write(journal, line, strlen(line)) < 0)
		fprintf(stderr, "ferry-gpu: can't write the journal: %s\n", strerror(errno));
}

/* ---- answers ---- */

static void answer(struct connection *connection, const char *id, const char *text)
{
	char line[ANSWER + 128];
	int length = snprintf(line, sizeof line, "%s %s\n", id, text);
	pthread_mutex_lock(&connection->mutex);
	for (int at = 0; at < length;) {
		ssize_t put = send(connection->socket, line + at, (size_t)(length - at), MSG_NOSIGNAL);
		if (put <= 0 && errno != EINTR)
			break; /* The daemon is gone; the journal has it. */
		at += put > 0 ? (int)put : 0;
	}
	pthread_mutex_unlock(&connection->mutex);
}

static void let_go(struct connection *connection)
{
	pthread_mutex_lock(&all);
	int left = --connection->users;
	pthread_mutex_unlock(&all);
	if (left == 0) {
		close(connection->socket);
		free(connection);
	}
}

/* ---- the target ---- */

/* Pins a process: a descriptor of it, or the reason why it is not the one that is meant. */
static int pin(int pid, unsigned long long start, const char **reason)
{
	char path[64], text[4096];
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process < 0) {
		/* A want of descriptors or memory says nothing of the process. */
		*reason = errno == EINVAL || errno == ENOENT ? "thread" : errno == ESRCH ? "gone" : "unseen";
		return -1;
	}
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
	int unseen = got < 0 && errno != ENOENT && errno != ESRCH;
	if (file >= 0)
		close(file);
	text[got > 0 ? got : 0] = 0;
	/* The name in the second field may hold anything; fields are counted behind its end. */
	char *at = strrchr(text, ')');
	unsigned long long found = 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		found = strtoull(at + 1, NULL, 10);
	if (!at || found != start) {
		close(process);
		*reason = unseen ? "unseen" : "gone";
		return -1;
	}
	return process;
}

static int has_ended(int process)
{
	struct pollfd look = {process, POLLIN, 0};
	return poll(&look, 1, 0) > 0;
}

/* ---- calls ---- */

static void end_call(struct call *call, const char *text, const char *line)
{
	pthread_mutex_lock(&all);
	if (line)
		record(call, line);
	struct connection *connection = call->connection;
	char id[sizeof call->id];
	memcpy(id, call->id, sizeof id);
	call->used = 0;
	pthread_mutex_unlock(&all);
	answer(connection, id, text);
	let_go(connection);
}

static void *make_call(void *argument)
{
	struct call *call = argument;
	char text[ANSWER], line[256];
	if (call->what >= VERB_COUNT) {
		if (call->what == INFO)
			driver_describe(text, sizeof text);
		else
			driver_devices(text, sizeof text, call->timeout != 0);
		size_t filled = strlen(text);
		snprintf(text + filled, sizeof text - filled, " micros=%lld", micros_since(call->began));
		end_call(call, text, NULL);
		return NULL;
	}
	const char *reason = "";
	int process = pin(call->pid, call->start, &reason);
	int value = 0, error = -1;
	if (process >= 0) {
		if (call->verb == VERB_RESTORE)
			driver_initialize();
		error = driver_call(call->verb, call->pid, call->timeout, call->pairs, call->pair_count, &value);
		if (error && has_ended(process)) {
			reason = "gone";
			error = -1;
		}
		close(process);
	}
	snprintf(line, sizeof line, "end %s %d %d %s\n", call->id, error, value, reason);
	if (error < 0)
		snprintf(text, sizeof text, "refused %s", reason);
	else
		snprintf(text, sizeof text, "ok error=%d value=%d micros=%lld", error, value, micros_since(call->began));
	end_call(call, text, line);
	return NULL;
}

static int parse_pairs(struct call *call, const char *text)
{
	if (strcmp(text, "-") == 0)
		return 0;
	for (const char *at = text; *at;) {
		if (call->pair_count == MOST_PAIRS || strlen(at) < 65 || at[32] != '=')
			return -1;
		struct gpu_pair *pair = &call->pairs[call->pair_count++];
		for (int i = 0; i < 16; i++) {
			if (sscanf(at + 2 * i, "%2hhx", &pair->before[i]) != 1 || sscanf(at + 33 + 2 * i, "%2hhx", &pair->after[i]) != 1)
				return -1;
		}
		at += 65;
		if (*at == ',')
			at++;
		else if (*at)
			return -1;
	}
	return 0;
}

static void begin_call(struct connection *connection, const char *id, int what, int pid, unsigned long long start, const char *rest)
{
	struct call *free_call = NULL;
	char text[128];
	snprintf(text, sizeof text, "refused ending");
	pthread_mutex_lock(&all);
	for (int i = 0; i < MOST_CALLS && !ending; i++) {
		if (!calls[i].used) {
			free_call = free_call ? free_call : &calls[i];
		} else if (what < VERB_COUNT ? calls[i].what < VERB_COUNT && calls[i].pid == pid : calls[i].what == what) {
			free_call = NULL;
			snprintf(text, sizeof text, "refused busy %s %lld", verbs[calls[i].what], micros_since(calls[i].began) / 1000);
			break;
		}
		snprintf(text, sizeof text, "refused full");
	}
	if (free_call) {
		*free_call = (struct call){.verb = (enum verb)what, .what = what, .pid = pid, .start = start, .connection = connection, .used = 1};
		snprintf(free_call->id, sizeof free_call->id, "%s", id);
		clock_gettime(CLOCK_MONOTONIC, &free_call->began);
		if (what == DEVICES)
			free_call->timeout = strcmp(rest, "anew") == 0;
		if (what == VERB_LOCK)
			free_call->timeout = (unsigned)strtoul(rest, NULL, 10);
		if (what == VERB_RESTORE && parse_pairs(free_call, rest) < 0) {
			free_call->used = 0;
			free_call = NULL;
			snprintf(text, sizeof text, "refused map");
		}
	}
	if (free_call) {
		connection->users++;
		if (what < VERB_COUNT) {
			char line[256];
			snprintf(line, sizeof line, "begin %s %s %d %llu\n", id, verbs[what], pid, start);
			record(free_call, line);
		}
	}
	pthread_mutex_unlock(&all);
	pthread_t thread;
	pthread_attr_t detached;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	if (!free_call) {
		answer(connection, id, text);
	} else if (pthread_create(&thread, &detached, make_call, free_call) != 0) {
		char line[256];
		snprintf(line, sizeof line, "end %s -1 0 full\n", id);
		end_call(free_call, "refused full", what < VERB_COUNT ? line : NULL);
	}
	pthread_attr_destroy(&detached);
}

static int open_calls(void)
{
	int open = 0;
	for (int i = 0; i < MOST_CALLS; i++)
		open += calls[i].used;
	return open;
}

static void list_calls(struct connection *connection, const char *id)
{
	char text[ANSWER] = "ok";
	size_t at = 2;
	pthread_mutex_lock(&all);
	for (int i = 0; i < MOST_CALLS && at < sizeof text - 256; i++)
		if (calls[i].used && calls[i].what < VERB_COUNT)
			at += (size_t)snprintf(text + at, sizeof text - at, " open=%d:%llu:%s:%lld", calls[i].pid, calls[i].start, verbs[calls[i].verb], micros_since(calls[i].began) / 1000);
	for (int i = 0; i < doubt_count && at < sizeof text - 256; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, " doubt=%d:%llu:%s", doubts[i].pid, doubts[i].start, doubts[i].verb);
	pthread_mutex_unlock(&all);
	answer(connection, id, text);
}

static void obey(struct connection *connection, char *line)
{
	char id[96] = "?", verb[16] = "", rest[MOST_PAIRS * 66 + 1] = "-", text[64];
	int pid = 0;
	unsigned long long start = 0;
	int words = sscanf(line, "%95s %15s %d %llu %4224s", id, verb, &pid, &start, rest);
	if (strcmp(verb, "info") == 0) {
		begin_call(connection, id, INFO, 0, 0, "-");
	} else if (strcmp(verb, "devices") == 0) {
		begin_call(connection, id, DEVICES, 0, 0, strstr(line, " anew") ? "anew" : "-");
	} else if (strcmp(verb, "calls") == 0) {
		list_calls(connection, id);
	} else if (strcmp(verb, "quit") == 0) {
		pthread_mutex_lock(&all);
		quitting = 1;
		snprintf(text, sizeof text, "ok open=%d", open_calls());
		pthread_mutex_unlock(&all);
		answer(connection, id, text);
	} else {
		for (int what = 0; what < VERB_COUNT; what++) {
			if (words >= 4 && pid > 0 && strcmp(verb, verbs[what]) == 0) {
				begin_call(connection, id, what, pid, start, rest);
				return;
			}
		}
		answer(connection, id, "refused request");
	}
}

static void *serve(void *argument)
{
	struct connection *connection = argument;
	char *buffer = malloc(8192);
	size_t filled = 0;
	for (;;) {
		ssize_t got = read(connection->socket, buffer + filled, 8191 - filled);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		filled += (size_t)got;
		buffer[filled] = 0;
		char *end;
		while ((end = strchr(buffer, '\n'))) {
			*end = 0;
			obey(connection, buffer);
			filled -= (size_t)(end + 1 - buffer);
			memmove(buffer, end + 1, filled + 1);
		}
		if (filled == 8191)
			break;
	}
	free(buffer);
	pthread_mutex_lock(&all);
	connection_count--;
	pthread_mutex_unlock(&all);
	let_go(connection);
	return NULL;
}

static void *initialize(void *nothing)
{
	driver_initialize();
	return nothing;
}

/* It holds little, and a call that dies with it leaves a job that nobody knows the state of. A machine that refuses it works all the same. */
static void keep_from_want_of_memory(void)
{
	int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return;
	ssize_t ignored = write(file, "-1000", 5);
	(void)ignored;
	close(file);
}

int main(int count, char **argument)
{
	if (count != 6) {
		fprintf(stderr, "usage: ferry-gpu FOLDER LINGER_SECONDS LIBRARY NVML PROGRAM\n");
		return 2;
	}
	folder = argument[1];
	int linger = atoi(argument[2]);
	/* No terminal and no signal of the daemon's group may end it. */
	setsid();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	keep_from_want_of_memory();
	char path[512], fresh[512];
	path_of(path, sizeof path, "lock");
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (lock < 0 || fcntl(lock, F_SETLK, &whole) < 0) {
		/* The daemon tries again while another helper has the folder; whatever else it is stays. */
		if (lock >= 0 && (errno == EAGAIN || errno == EACCES))
			return 3;
		fprintf(stderr, "ferry-gpu: can't %s %s: %s\n", lock < 0 ? "open" : "lock", path, strerror(errno));
		return 1;
	}
	read_journal();
	path_of(path, sizeof path, "calls");
	journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
	if (journal < 0) {
		fprintf(stderr, "ferry-gpu: can't open %s: %s\n", path, strerror(errno));
		return 1;
	}
	driver_load(argument[3], argument[4], argument[5]);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	path_of(path, sizeof path, "socket");
	path_of(fresh, sizeof fresh, "socket.new");
	if (strlen(fresh) >= sizeof address.sun_path) {
		fprintf(stderr, "ferry-gpu: can't use the folder %s: its path is too long for a socket\n", folder);
		return 1;
	}
	strcpy(address.sun_path, fresh);
	unlink(fresh);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || chmod(fresh, 0600) < 0 || listen(listener, 16) < 0 || rename(fresh, path) < 0) {
		fprintf(stderr, "ferry-gpu: can't listen at %s: %s\n", path, strerror(errno));
		return 1;
	}
	pthread_t thread;
	if (pthread_create(&thread, NULL, initialize, NULL) == 0)
		pthread_detach(thread);
	for (int idle = 0;;) {
		struct pollfd look = {listener, POLLIN, 0};
		int ready = poll(&look, 1, 200);
		pthread_mutex_lock(&all);
		int open = open_calls();
		idle = ready > 0 || connection_count > 0 || open > 0 ? 0 : idle + 1;
		/* Under the lock: no call begins behind this look. */
		ending = open == 0 && ((quitting && ready <= 0) || idle > linger * 5);
		int ends = ending;
		pthread_mutex_unlock(&all);
		if (ends) {
			unlink(path);
			return 0;
		}
		if (ready <= 0)
			continue;
		struct connection *connection = calloc(1, sizeof *connection);
		if (!connection)
			continue;
		connection->socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		connection->users = 1;
		pthread_mutex_init(&connection->mutex, NULL);
		pthread_mutex_lock(&all);
		connection_count++;
		pthread_mutex_unlock(&all);
		if (connection->socket < 0 || pthread_create(&thread, NULL, serve, connection) != 0) {
			pthread_mutex_lock(&all);
			connection_count--;
			pthread_mutex_unlock(&all);
			let_go(connection);
		} else {
			pthread_detach(thread);
		}
	}
}
