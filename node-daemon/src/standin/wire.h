/*
 * What the stand-in's libraries and its card server say to each other, over one unix socket for each device.
 *
 * A device is two files in one folder: `nvidiaN`, which holds nothing and is kept open by whoever has a context
 * there (as /dev/nvidiaN is), and `nvidiaN.sock`. A job sees only those of the devices that it was given.
 */
#ifndef FERRY_STANDIN_WIRE_H
#define FERRY_STANDIN_WIRE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum operation {
	OP_HELLO = 1, /* answers struct device */
	OP_ALLOCATE,  /* a: bytes; answers the handle */
	OP_FREE,      /* a: handle */
	OP_WRITE,     /* a: handle, b: offset, length: bytes that follow */
	OP_READ,      /* a: handle, b: offset, c: bytes that are answered */
	OP_COPY,      /* a, b: source; c, d: destination; e: bytes */
	OP_SET,       /* a, b: destination; c: bytes; d: value of each byte */
	OP_LAUNCH,    /* a: enum kernel; struct launch follows; answered before it is done */
	OP_SYNC,      /* a: stream, or 0 for all; answered when nothing is left to do */
	OP_QUERY,     /* a: stream; answers 1 while there is something to do */
	OP_FAULT,     /* a: enum call; answers the kind of fault to show, and its argument */
	OP_HANG,      /* answered when a test says `release` */
	OP_STATS,     /* answers struct stats, unless the card is mute */
	OP_XID        /* a: how many errors are known, b: milliseconds; answers the next one and how many are known then, or NVML's timeout */
};

/* The calls on which a fault can be laid. */
enum call { CALL_STATE = 1, CALL_LOCK, CALL_CHECKPOINT, CALL_RESTORE, CALL_UNLOCK, CALL_THREAD };

enum fault {
	FAULT_NONE,
	FAULT_ERROR, /* answers the argument as error code */
	FAULT_HANG,  /* never answers, until released */
	FAULT_SLOW,  /* takes the argument's milliseconds longer */
	FAULT_DIE,   /* the target is killed in the middle */
	FAULT_WEDGE, /* answers the argument, and the target is in state FAILED for good */
	FAULT_LIE    /* answers success and does nothing */
};

/* Quirks of drivers, by the numbers of docs/gpu.md; a set, as bits. */
enum quirk {
	QUIRK_THREAD_ID_WRECKS = 1 << 4,    /* a thread's id is taken for a process's, which is wrecked */
	QUIRK_OUT_OF_MEMORY_WEDGES = 1 << 3 /* a restore that finds no memory is final */
};

enum kernel { KERNEL_AXPY = 1, KERNEL_SGD_STEP, KERNEL_CHECKSUM, KERNEL_SPIN };

struct request {
	uint32_t operation;
	uint32_t stream;
	uint64_t a, b, c, d, e;
	uint64_t length;
};

struct reply {
	int32_t error; /* a CUresult */
	uint32_t zero;
	uint64_t value, argument;
	uint64_t length;
};

struct launch {
	uint64_t handle[4], offset[4];
	uint64_t count, step;
	float scale;
	uint32_t zero;
};

struct device {
	unsigned char uuid[16];
	char name[64];
	uint64_t memory;
	uint32_t index;
	uint32_t personality; /* the driver's major version */
	uint32_t quirks;
	uint32_t mig;
};

#define MOST_PROCESSES 64
struct stats {
	struct device device;
	uint64_t used, allocations, peak, corrected_errors, uncorrected_errors;
	uint32_t lost, busy_percent, processes, remap_failed;
	struct {
		uint32_t pid, zero;
		uint64_t used;
	} process[MOST_PROCESSES];
};

static inline int read_all(int file, void *into, size_t count)
{
	char *at = into;
	while (count > 0) {
		ssize_t got = read(file, at, count);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		at += got;
		count -= (size_t)got;
	}
	return 0;
}

static inline int write_all(int file, const void *from, size_t count)
{
	const char *at = from;
	while (count > 0) {
		ssize_t put = send(file, at, count, MSG_NOSIGNAL);
		if (put < 0 && errno == ENOTSOCK)
			put = write(file, at, count);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		at += put;
		count -= (size_t)put;
	}
	return 0;
}

/* Makes one call and takes its answer; a negative result: the card is gone. */
static inline int exchange(int card, struct request request, const void *payload, struct reply *reply, void *into, size_t most)
{
	if (write_all(card, &request, sizeof request) < 0 || (request.length > 0 && write_all(card, payload, request.length) < 0))
		return -1;
	if (read_all(card, reply, sizeof *reply) < 0)
		return -1;
	if (reply->length > most || (reply->length > 0 && read_all(card, into, reply->length) < 0))
		return -1;
	return 0;
}

static inline int connect_to(const char *folder, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, name) >= (int)sizeof address.sun_path)
		return -1;
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (file >= 0 && connect(file, (struct sockaddr *)&address, sizeof address) < 0) {
		close(file);
		return -1;
	}
	return file;
}

#endif
