/* Memory that is there before a restore begins: ferry-ahead.h. */
#define _GNU_SOURCE
#include "ferry-ahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* More are not used; the memory of the others is read as always. */
#define MOST_AREAS 4096

/* While memory is filled the job still runs, and jobs run here: with all CPUs in use this gets a tenth of one, and with one idle all of it. */
#define BEHIND 10

struct area {
	int32_t pid;
	uintptr_t address;
	uintptr_t at;
	size_t bytes;
};

static struct area *areas;
static size_t area_count;
/* FERRY_AHEAD_USE; NULL: nothing is used. */
static const unsigned char *used;
static size_t used_bytes;

/* Nothing is half there: the restore fails, and whoever ordered it does the next one without this. */
static void end(const char *why)
{
	static const char begin[] = "ferry-pages: ";
	ssize_t ignored = write(STDERR_FILENO, begin, sizeof begin - 1);

	ignored = write(STDERR_FILENO, why, strlen(why));
	ignored = write(STDERR_FILENO, "\n", 1);
	(void) ignored;
	_exit(70);
}

static void take(int from, void *into, size_t bytes)
{
	char *at = into;

	while (bytes > 0) {
		ssize_t n = syscall(SYS_read, from, at, bytes);

		if (n > 0) {
			at += n;
			bytes -= (size_t) n;
		} else if (n == 0 || errno != EINTR) {
			/* The daemon has ended, or wants no restore any more. */
			end("the memory that was to be filled ahead did not come whole");
		}
	}
}

/* What is filled as a whole is made of huge pages first, as at a restore. */
static void take_content(int from, const struct area *area, uintptr_t address, size_t bytes)
{
	static int failures;
	uintptr_t at = area->at + (address - area->address);
	uintptr_t last = at + bytes;

	if (address < area->address || bytes > area->bytes || address - area->address > area->bytes - bytes)
		end("memory that was to be filled ahead lies outside of its area");
	while (at < last) {
		uintptr_t next = last - at < AT_A_TIME ? last : (at + AT_A_TIME) & ~(HUGE_PAGE - 1);
		uintptr_t first = (at + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
		uintptr_t whole = next & ~(HUGE_PAGE - 1);

		if (first < whole && failures < MOST_FAILURES)
			failures = pages_collapse(first, whole) == 0 ? 0 : errno == EINVAL ? MOST_FAILURES : failures + 1;
		take(from, (void *) at, next - at);
		at = next;
	}
}

/* Returns 0 if there is no room. */
static int add_area(const struct ahead_message *message)
{
	struct area *area;
	void *at;

	if (area_count == MOST_AREAS)
		return 0;
	at = pages_reserve(message->bytes, message->address % HUGE_PAGE, PROT_READ | PROT_WRITE);
	if (at == MAP_FAILED)
		return 0;
	area = &areas[area_count++];
	*area = (struct area){.pid = message->pid, .address = message->address, .at = (uintptr_t) at, .bytes = message->bytes};
	return 1;
}

static int take_all(int from)
{
	struct ahead_message message;

	for (;;) {
		take(from, &message, sizeof message);
		switch (message.kind) {
		case AHEAD_AREA:
			if (!add_area(&message))
				return 0;
			break;
		case AHEAD_CONTENT:
			if (area_count == 0)
				end("memory that was to be filled ahead has no area");
			take_content(from, &areas[area_count - 1], message.address, message.bytes);
			break;
		case AHEAD_FILLED:
			return 1;
		default:
			end("the daemon that fills memory ahead speaks another language");
		}
	}
}

void ahead_fill(const char *socket_file, const volatile void *use, size_t bytes)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int niceness = getpriority(PRIO_PROCESS, 0);
	int from;
	char answer;

	if (use == NULL || bytes < AHEAD_PROCESSES * sizeof(struct ahead_process) || strlen(socket_file) >= sizeof name.sun_path)
		end("FERRY_AHEAD and FERRY_AHEAD_USE do not fit");
	areas = mmap(NULL, MOST_AREAS * sizeof *areas, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	from = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(name.sun_path, socket_file);
	if (areas == MAP_FAILED || from < 0 || connect(from, (struct sockaddr *) &name, sizeof name) != 0)
		end("nobody is there to fill memory ahead");
	/* Only where it can be taken back: criu and all that it makes would stay behind. */
	if (setpriority(PRIO_PROCESS, 0, niceness - 1) == 0)
		setpriority(PRIO_PROCESS, 0, niceness + BEHIND);
	answer = (char) take_all(from);
	/* The job stands still for what comes now. */
	setpriority(PRIO_PROCESS, 0, niceness);
	if (answer) {
		used = (const unsigned char *) use;
		used_bytes = bytes;
	} else {
		while (area_count > 0) {
			area_count--;
			munmap((void *) areas[area_count].at, areas[area_count].bytes);
		}
	}
	if (write(from, &answer, 1) != 1 && answer)
		end("the daemon is gone that filled memory ahead");
	close(from);
}

/* The daemon wrote it before criu knew of the process; a file that is shorter than it says is not from it. */
static const void *part(uint64_t at, uint64_t count, size_t size)
{
	if (at > used_bytes || count > (used_bytes - at) / size)
		end("what is to be kept of memory lies outside of its file");
	return used + at;
}

const struct ahead_process *ahead_of(int32_t pid)
{
	const struct ahead_process *all = (const struct ahead_process *) used;

	for (size_t n = 0; used != NULL && n < AHEAD_PROCESSES && all[n].pid != 0; n++) {
		if (all[n].pid == pid)
			return &all[n];
	}
	return NULL;
}

static const struct area *area_of(int32_t pid, uintptr_t address)
{
	for (size_t n = 0; n < area_count; n++) {
		if (areas[n].pid == pid && areas[n].address == address)
			return &areas[n];
	}
	end("there is no memory for a mapping that has some");
	return NULL;
}

/* What is there of memory that the job no longer has. */
static void drop(const struct ahead_process *process, uintptr_t area, uint64_t from, uint64_t until)
{
	const struct ahead_run *run = part(process->dropped_at, process->dropped, sizeof *run);

	for (uint64_t n = 0; n < process->dropped; n++, run++) {
		uint64_t first = run->offset > from ? run->offset : from;
		uint64_t last = run->offset + run->bytes < until ? run->offset + run->bytes : until;

		if (first < last && madvise((void *) (area + first), last - first, MADV_DONTNEED) != 0)
			end("memory that the job no longer has can't be dropped");
	}
}

static const struct ahead_mapping *mapping_at(const struct ahead_process *process, uint64_t offset)
{
	const struct ahead_mapping *mapping = part(process->mappings_at, process->mappings, sizeof *mapping);

	for (uint32_t n = 0; n < process->mappings; n++, mapping++) {
		if (offset >= mapping->offset && offset - mapping->offset < mapping->bytes)
			return mapping;
	}
	return NULL;
}

void ahead_move(const struct ahead_process *process, uintptr_t area, uintptr_t at, size_t bytes, int protection)
{
	const struct ahead_mapping *mapping = mapping_at(process, at - area);
	const struct area *from;

	if (mapping == NULL)
		return;
	if (mapping->offset != at - area || mapping->bytes != bytes)
		end("criu's mappings are not where they were expected");
	from = area_of(process->pid, mapping->address);
	if (mremap((void *) from->at, from->bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, (void *) at) == MAP_FAILED)
		end("memory that was filled ahead can't be moved");
	if (protection != (PROT_READ | PROT_WRITE) && mprotect((void *) at, bytes, protection) != 0)
		end("memory that was filled ahead can't be protected as the job's was");
	drop(process, area, mapping->offset, mapping->offset + mapping->bytes);
}

size_t ahead_kept(const struct ahead_process *process, uintptr_t area, uintptr_t at, size_t *most, uint64_t *next)
{
	const struct ahead_run *runs = part(process->kept_at, process->kept, sizeof *runs);
	uint64_t offset = at - area;
	uint64_t n = *next;

	if (n > process->kept || (n > 0 && offset < runs[n - 1].offset + runs[n - 1].bytes))
		n = 0;
	while (n < process->kept && offset >= runs[n].offset + runs[n].bytes)
		n++;
	*next = n;
	if (n == process->kept)
		return 0;
	if (offset < runs[n].offset) {
		if (runs[n].offset - offset < *most)
			*most = runs[n].offset - offset;
		return 0;
	}
	return runs[n].offset + runs[n].bytes - offset < *most ? runs[n].offset + runs[n].bytes - offset : *most;
}
