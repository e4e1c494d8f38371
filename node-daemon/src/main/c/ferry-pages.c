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
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define HUGE_PAGE ((uintptr_t) 2 << 20)
/* Made at a time: each call of madvise also has all processors do something. */
#define AT_A_TIME ((uintptr_t) 32 << 20)

/* Criu restores each process in a process of its own with one thread. */
static int reserved;
static int allowed;
static uintptr_t run_end;
static uintptr_t next;

struct entry {
	int32_t pid;
	int32_t begin;
};

static const volatile struct entry *entries;
static size_t count;

__attribute__((constructor)) static void open_entries(void)
{
	const char *path = getenv("FERRY_HUGE_PAGES");
	int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	struct stat facts;
	void *all;

	if (file < 0)
		return;
	if (fstat(file, &facts) == 0 && facts.st_size > 0) {
		all = mmap(NULL, (size_t) facts.st_size, PROT_READ, MAP_SHARED, file, 0);
		if (all != MAP_FAILED) {
			entries = all;
			count = (size_t) facts.st_size / sizeof *entries;
		}
	}
	close(file);
}

/* The begin that this process's area should have, or -1: it is not in the file. */
static int32_t begin_of_area(void)
{
	for (size_t n = 0; n < count && entries[n].pid != 0; n++) {
		if (entries[n].pid == getpid())
			return entries[n].begin;
	}
	return -1;
}

static void *map(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
	return (void *) syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}

/* Reserves an area that begins where huge pages stay huge. */
static void *reserve(size_t bytes, uintptr_t begin, int flags, int file)
{
	uintptr_t whole = (uintptr_t) map(NULL, bytes + HUGE_PAGE, PROT_NONE, flags, file, 0);
	uintptr_t at;

	if ((void *) whole == MAP_FAILED)
		return map(NULL, bytes, PROT_NONE, flags, file, 0);
	at = (whole & ~(HUGE_PAGE - 1)) + begin;
	if (at < whole)
		at += HUGE_PAGE;
	if (at > whole)
		munmap((void *) whole, at - whole);
	if (at < whole + HUGE_PAGE)
		munmap((void *) (at + bytes), whole + HUGE_PAGE - at);
	return (void *) at;
}

/* The area is the first that a process reserves whose mappings are in the file. */
void *mmap64(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
	if (!reserved && address == NULL && protection == PROT_NONE && flags == (MAP_PRIVATE | MAP_ANONYMOUS) && bytes >= HUGE_PAGE) {
		int32_t begin = begin_of_area();

		if (begin >= 0) {
			reserved = 1;
			allowed = 1;
			return reserve((bytes + 4095) & ~(size_t) 4095, (uintptr_t) begin, flags, file);
		}
	}
	return map(address, bytes, protection, flags, file, offset);
}

static void make_huge(uintptr_t from, uintptr_t end)
{
	for (uintptr_t at = from; at < end; at += HUGE_PAGE) {
		volatile char *byte = (volatile char *) at;

		*byte = *byte;
	}
	/* EINVAL: this kernel or this process has none. All else (no free huge page now, a full control group) may pass. */
	if (madvise((void *) from, end - from, MADV_COLLAPSE) && errno == EINVAL)
		allowed = 0;
}

/* Makes what lies in a run before its end, if what is read next has come to where nothing was made yet. */
static void prepare(uintptr_t from, uintptr_t end)
{
	uintptr_t whole = end & ~(HUGE_PAGE - 1);
	uintptr_t first = (from + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);

	if (end != run_end || next < first) {
		run_end = end;
		next = first;
	}
	/* A read takes no more than 1 MiB, which is what the pipe holds, so it ends before the next huge page but one. */
	if (next < from + HUGE_PAGE && next < whole) {
		uintptr_t until = whole - next < AT_A_TIME ? whole : next + AT_A_TIME;

		make_huge(next, until);
		next = until;
	}
}

ssize_t read(int file, void *into, size_t bytes)
{
	if (allowed && bytes >= HUGE_PAGE) {
		int before = errno;

		prepare((uintptr_t) into, (uintptr_t) into + bytes);
		errno = before;
	}
	return syscall(SYS_read, file, into, bytes);
}
