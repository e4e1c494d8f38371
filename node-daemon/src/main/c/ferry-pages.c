/*
 * libferry-pages.so, loaded into the criu of a restore: memory that is about to be filled as a whole is made of huge pages.
 *
 * Criu reads a job's memory from a pipe into fresh anonymous memory, run by run, and asks for all that is left of a run each time. By itself the kernel makes this memory of
 * pages of 4 KiB, and each costs a fault: 0.1 to 0.5 s for each GiB on a machine of its own, several seconds on some virtual ones. Here each aligned 2 MiB that lie wholly in what
 * is read are made one huge page just before: one byte is written to where it was, so that the kernel has a page there, and madvise(MADV_COLLAPSE) (Linux 6.1) makes the rest of it.
 *
 * What must hold: no byte of the memory is another one afterwards than without this; no memory is taken that would not be taken anyway, as all of it will be filled; and no flag stays
 * on the job's mappings, as MADV_HUGEPAGE would leave one, which the job's next image would hold. Where the kernel does not do it, nothing is different but the time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define HUGE_PAGE ((uintptr_t) 2 << 20)
/* Made at a time: each call of madvise also has all processors do something. */
#define AT_A_TIME ((uintptr_t) 32 << 20)

/* Criu restores each process in a process of one thread. */
static uintptr_t run_end;
static uintptr_t next;
static int refused;

static void make_huge(uintptr_t from, uintptr_t end)
{
	for (uintptr_t at = from; at < end; at += HUGE_PAGE) {
		volatile char *byte = (volatile char *) at;
		*byte = *byte;
	}
	/* EINVAL: this kernel or this process has none. All else (no free huge page now, a full control group) may pass. */
	if (madvise((void *) from, end - from, MADV_COLLAPSE) && errno == EINVAL)
		refused = 1;
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

ssize_t read(int fd, void *into, size_t bytes)
{
	if (bytes >= HUGE_PAGE && !refused) {
		int before = errno;

		prepare((uintptr_t) into, (uintptr_t) into + bytes);
		errno = before;
	}
	return syscall(SYS_read, fd, into, bytes);
}
