/*
 * libferry-pages.so, loaded into the criu of a restore: memory that is about to be filled as a whole is made of huge pages.
 *
 * Criu reads a job's memory from a pipe into fresh anonymous memory, run by run, and asks for all that is left of a run each time. By itself the kernel makes this memory of
 * pages of 4 KiB, and each costs a fault: 0.1 to 0.5 s for each GiB on a machine of its own, several seconds on some virtual ones. Here each aligned 2 MiB that lie wholly in what
 * is read are made one huge page just before: one byte is written to where it was, so that the kernel has a page there, and madvise(MADV_COLLAPSE) (Linux 6.1) makes the rest of it.
 *
 * Criu reads into an area of its own, and moves each mapping from there to its place when all is read. A huge page stays one if both addresses are equal within 2 MiB, and is
 * taken apart if not. So the area's begin is chosen such that this holds for most of the memory.
 *
 * FERRY_HUGE_PAGES names a file with an entry for each process whose memory may be made so: its pid and its area's begin modulo 2 MiB, 4 bytes each, as the machine writes them. An entry is
 * there before criu knows the mappings of its process; pid 0 is none. The file is mapped while criu starts: a process that is restored sees only the files of the job.
 *
 * What must hold: no byte of the memory is another one afterwards than without this; no memory is taken that would not be taken anyway, as all of it will be filled; and no flag stays
 * on the job's mappings, as MADV_HUGEPAGE would leave one, which the job's next image would hold. Where the kernel does not do it, nothing is different but the time.
 */
#define _GNU_SOURCE
#include "ferry-ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Private mappings of files that are remembered; a process with more has no huge pages. */
#define MOST_FILES 64

/* Criu restores each process in a process of its own with one thread, which its parent's begins with all of this as it was there. */
static struct {
	pid_t pid;
	int reserved;
	int allowed;
	int failures;
	int files;
	struct {
		uintptr_t begin;
		uintptr_t end;
	} file[MOST_FILES];
	uintptr_t run_end;
	uintptr_t next;
	/* What is there of this process's memory already, where criu's area is, and how far what is kept was passed. */
	const struct ahead_process *ahead;
	uintptr_t area;
	uintptr_t area_end;
	uint64_t kept;
} mine;

static void know_process(void)
{
	pid_t pid = getpid();

	if (pid != mine.pid) {
		memset(&mine, 0, sizeof mine);
		mine.pid = pid;
	}
}

struct entry {
	int32_t pid;
	int32_t begin;
};

static const volatile struct entry *entries;
static size_t count;

/* Maps a file that an environment variable names; NULL: there is none. */
static const volatile void *map_named(const char *variable, size_t *length)
{
	const char *path = getenv(variable);
	int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *all = MAP_FAILED;
	off_t bytes;

	if (file < 0)
		return NULL;
	/* Not fstat: programs of the machine, which criu starts, may have an older C library than this was built with. */
	bytes = lseek(file, 0, SEEK_END);
	if (bytes > 0)
		all = mmap(NULL, (size_t) bytes, PROT_READ, MAP_SHARED, file, 0);
	close(file);
	*length = (size_t) bytes;
	return all == MAP_FAILED ? NULL : all;
}

/* The begin that this process's area should have, or -1: it is not in the file. */
static int32_t begin_of_area(void)
{
	for (size_t n = 0; n < count && entries[n].pid != 0; n++) {
		if (entries[n].pid == mine.pid)
			return entries[n].begin;
	}
	return -1;
}

static void *map(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
	return (void *) syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}

void *pages_reserve(size_t bytes, uintptr_t remainder, int protection)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	uintptr_t whole = (uintptr_t) map(NULL, bytes + HUGE_PAGE, protection, flags, -1, 0);
	uintptr_t at;

	if ((void *) whole == MAP_FAILED)
		return map(NULL, bytes, protection, flags, -1, 0);
	at = (whole & ~(HUGE_PAGE - 1)) + remainder;
	if (at < whole)
		at += HUGE_PAGE;
	if (at > whole)
		munmap((void *) whole, at - whole);
	if (at < whole + HUGE_PAGE)
		munmap((void *) (at + bytes), whole + HUGE_PAGE - at);
	return (void *) at;
}

int pages_collapse(uintptr_t from, uintptr_t end)
{
	for (uintptr_t at = from; at < end; at += HUGE_PAGE) {
		volatile char *byte = (volatile char *) at;

		*byte = *byte;
	}
	return madvise((void *) from, end - from, MADV_COLLAPSE);
}

/* Loaded into criu; and into the programs that it starts, which have nothing to wait for. */
__attribute__((constructor)) static void begin(void)
{
	const char *ahead = getenv("FERRY_AHEAD");
	size_t bytes = 0;

	entries = map_named("FERRY_HUGE_PAGES", &bytes);
	count = entries == NULL ? 0 : bytes / sizeof *entries;
	if (ahead != NULL) {
		const volatile void *use = map_named("FERRY_AHEAD_USE", &bytes);

		ahead_fill(ahead, use, bytes);
		unsetenv("FERRY_AHEAD");
	}
}

/* The kernel makes no huge pages there for what a process has written, and some kernels fail badly when they are asked to (for one of /dev/zero, mended in Linux 6.12.41). */
static void know_file(uintptr_t begin, size_t bytes)
{
	if (mine.files == MOST_FILES) {
		mine.allowed = 0;
		return;
	}
	mine.file[mine.files].begin = begin;
	mine.file[mine.files].end = begin + bytes;
	mine.files++;
}

static int is_of_file(uintptr_t at)
{
	for (int n = 0; n < mine.files; n++) {
		if (at >= mine.file[n].begin && at < mine.file[n].end)
			return 1;
	}
	return 0;
}

static int is_ahead(uintptr_t at)
{
	return mine.ahead != NULL && at >= mine.area && at < mine.area_end;
}

/* The area is the first that a process reserves which is in the file of entries; its mappings are put into it one after the other. */
__attribute__((visibility("default"))) void *mmap64(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
	void *at;

	if (bytes < HUGE_PAGE)
		return map(address, bytes, protection, flags, file, offset);
	know_process();
	if (!mine.reserved && address == NULL && protection == PROT_NONE && flags == (MAP_PRIVATE | MAP_ANONYMOUS)) {
		int32_t begin = begin_of_area();

		if (begin >= 0) {
			bytes = (bytes + 4095) & ~(size_t) 4095;
			at = pages_reserve(bytes, (uintptr_t) begin, PROT_NONE);
			mine.reserved = 1;
			mine.allowed = 1;
			mine.ahead = at == MAP_FAILED ? NULL : ahead_of(mine.pid);
			mine.area = (uintptr_t) at;
			mine.area_end = mine.area + bytes;
			return at;
		}
	}
	at = map(address, bytes, protection, flags, file, offset);
	if (at != MAP_FAILED && mine.allowed && !(flags & MAP_ANONYMOUS))
		know_file((uintptr_t) at, bytes);
	if (at != MAP_FAILED && is_ahead((uintptr_t) at))
		ahead_move(mine.ahead, mine.area, (uintptr_t) at, bytes, protection);
	return at;
}

static void make_huge(uintptr_t from, uintptr_t end)
{
	/* What was filled ahead is also that of the processes of criu's that made this one, as long as they are there: of what is written into it the kernel would make a copy, page by page. */
	if (is_ahead(from) && madvise((void *) from, end - from, MADV_DONTNEED) != 0)
		return;
	if (pages_collapse(from, end) == 0)
		mine.failures = 0;
	else if (errno == EINVAL || ++mine.failures == MOST_FAILURES)
		/* EINVAL: this kernel or this process has none. */
		mine.allowed = 0;
}

/* Makes what lies in a run before its end, if what is read next has come to where nothing was made yet. */
static void prepare(uintptr_t from, uintptr_t end)
{
	uintptr_t whole = end & ~(HUGE_PAGE - 1);
	uintptr_t first = (from + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);

	if (end != mine.run_end || mine.next < first) {
		mine.run_end = end;
		mine.next = first;
	}
	/* A read takes no more than 1 MiB, which is what the pipe holds, so it ends before the next huge page but one. */
	if (mine.next < from + HUGE_PAGE && mine.next < whole) {
		uintptr_t until = whole - mine.next < AT_A_TIME ? whole : mine.next + AT_A_TIME;

		make_huge(mine.next, until);
		mine.next = until;
	}
}

__attribute__((visibility("default"))) ssize_t read(int file, void *into, size_t bytes)
{
	uintptr_t at = (uintptr_t) into;

	/* A child begins with what its parent knew. */
	if (mine.ahead != NULL)
		know_process();
	if (is_ahead(at) && bytes > 0) {
		size_t kept = ahead_kept(mine.ahead, mine.area, at, &bytes, &mine.kept);

		if (kept > 0)
			return (ssize_t) kept;
	}
	if (mine.allowed && bytes >= HUGE_PAGE) {
		int before = errno;

		know_process();
		if (mine.allowed && !is_of_file(at))
			prepare(at, at + bytes);
		errno = before;
	}
	return syscall(SYS_read, file, into, bytes);
}
