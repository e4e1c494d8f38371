/* What the stand-in's two halves of libcuda.so.1 share, and the ABI they implement (CUDA 13.0, all handles opaque). */
#ifndef FERRY_STANDIN_CUDA_H
#define FERRY_STANDIN_CUDA_H

#include "wire.h"
#include <pthread.h>
#include <stddef.h>

enum result {
	SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_CONTEXT = 201,
	OPERATING_SYSTEM = 304, INVALID_HANDLE = 400, ILLEGAL_STATE = 401, NOT_FOUND = 500, NOT_READY = 600, NOT_SUPPORTED = 801, UNKNOWN = 999
};

enum process_state { RUNNING = 0, LOCKED = 1, CHECKPOINTED = 2, FAILED = 3 };

#define MOST_CARDS 16
#define MOST_MEMORIES 256

/* A device as this process knows it: its place in the list never changes, what is behind it may. */
struct card {
	struct device device;
	int socket, file; /* -1: no context there */
	int wanted;       /* had a context when it was saved */
	pthread_mutex_t mutex;
};

struct memory {
	uint64_t length, handle;
	char *saved;
	int card;
};

extern struct card cards[MOST_CARDS];
extern int card_count;
extern struct memory memories[MOST_MEMORIES];
extern int initialized, forked, state, locked, calls_in_flight;
extern int shares_by_ipc, uses_multicast, exported_memory, managed_file;
extern pthread_mutex_t gate;
extern pthread_cond_t gate_changed;

const char *device_folder(void);
/* Asks a device of the folder who it is; a socket, or -1. */
int open_device(int number, struct device *device);
int open_device_file(uint32_t index);
int call_card(struct card *card, struct request request, const void *payload, struct reply *reply, void *into, size_t most);
/* Starts the thread that carries out what callers of the checkpoint functions ask of this process. */
int start_servant(void);

struct gpu_pair {
	unsigned char before[16], after[16];
};

/* What a caller says to a target's thread over a pipe, and the answer. */
struct order {
	uint32_t call, timeout_millis, pairs, zero;
	struct gpu_pair pair[MOST_CARDS];
};
struct answer {
	int32_t error, value;
};

#endif
