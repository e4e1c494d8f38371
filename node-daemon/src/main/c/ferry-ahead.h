/*
 * Memory of a job that was filled before the job is restored: a part of libferry-pages.so (ferry-pages.c), which says how the rest is filled.
 *
 * Criu makes the processes that it restores by fork, so they begin with all memory that criu itself has. While the job still runs elsewhere, criu is started, waits here before its
 * first act, and is sent what was copied of the job's memory, in areas that lie as they did in the job, modulo 2 MiB. In the process that is restored an area is moved, with
 * everything in it, to where criu made the mapping that it is for; what is not as it was any more is read as always. Moving takes no time: only page tables change.
 *
 * FERRY_AHEAD names the socket from which the content comes, FERRY_AHEAD_USE a file that is mapped while criu starts and is written by the daemon before criu knows the mappings of a process: what
 * of all this is still right. Numbers are as the machine writes them.
 *
 * What must hold: memory is only kept of which the daemon knows that the image holds the same bytes at the same addresses; and since the daemon does not send what is kept, a process that can't take it
 * must not go on: it ends, and the restore fails.
 */
#ifndef FERRY_AHEAD_H
#define FERRY_AHEAD_H

#include <stddef.h>
#include <stdint.h>

/* What comes by the socket. After FILLED one byte is answered: 1, or 0 if there was no memory for it; then nothing is used. */
struct ahead_message {
	uint32_t kind;
	int32_t pid;
	uint64_t address;
	uint64_t bytes;
};

enum { AHEAD_AREA = 1, AHEAD_CONTENT = 2, AHEAD_FILLED = 3 };

/* FERRY_AHEAD_USE begins with so many of these; pid 0 is none. What belongs to a process lies at an offset of the file, in the order of the addresses. */
#define AHEAD_PROCESSES 1024

struct ahead_process {
	int32_t pid;
	uint32_t mappings;
	uint64_t mappings_at;
	uint64_t dropped;
	uint64_t dropped_at;
	uint64_t kept;
	uint64_t kept_at;
};

/* A mapping that criu makes: where in its area, and for which area of the job's memory. */
struct ahead_mapping {
	uint64_t offset;
	uint64_t bytes;
	uint64_t address;
};

/* A run of bytes of criu's area. */
struct ahead_run {
	uint64_t offset;
	uint64_t bytes;
};

/* Waits until criu's own memory holds what FERRY_AHEAD sends, if it is set. */
void ahead_fill(const char *socket_file, const volatile void *use, size_t bytes);

/* What is there for a process; NULL: nothing. */
const struct ahead_process *ahead_of(int32_t pid);

/* Puts what is there into a mapping that criu has just made, if there is something for it. */
void ahead_move(const struct ahead_process *process, uintptr_t area, uintptr_t at, size_t bytes, int protection);

/* How many of the bytes at an address are there; if none, *most becomes how many are not. `next` is where the last call was. */
size_t ahead_kept(const struct ahead_process *process, uintptr_t area, uintptr_t at, size_t *most, uint64_t *next);

/* Anonymous memory whose address has this remainder modulo a huge page. */
void *pages_reserve(size_t bytes, uintptr_t remainder, int protection);

/* Makes huge pages of whole ones. Returns 0, or -1 with errno. */
int pages_collapse(uintptr_t from, uintptr_t end);

#define HUGE_PAGE ((uintptr_t) 2 << 20)
/* Made at a time: each call of madvise also has all processors do something. */
#define AT_A_TIME ((uintptr_t) 32 << 20)
/* So often in a row there was no huge page to be had: each try may make the kernel look through much of the machine's memory. */
#define MOST_FAILURES 4

#endif
