/* The parts of ferry-gpu: the server (ferry-gpu.c), the driver (ferry-gpu-driver.c) and the driver's errors (ferry-gpu-events.c). */
#ifndef FERRY_GPU_H
#define FERRY_GPU_H

#include <stddef.h>

enum verb { VERB_STATE, VERB_THREAD, VERB_LOCK, VERB_CHECKPOINT, VERB_RESTORE, VERB_UNLOCK, VERB_COUNT };

/* One GPU's old and new UUID, as the driver wants them. */
struct gpu_pair {
	unsigned char before[16], after[16];
};

/* Loads the libraries; called once, before any thread. `program` is cuda-checkpoint, or empty. */
void driver_load(const char *library, const char *nvml, const char *program);

/* cuInit, until it has worked; a CUresult. Takes seconds on a machine with many GPUs. Without it the driver refuses a restore, unless the GPU is in persistence mode. */
int driver_initialize(void);

/* One call on one process, by the library or, where that lacks it, by the program; a CUresult. `value` is a state or a thread's id. */
int driver_call(enum verb verb, int pid, unsigned timeout_millis, const struct gpu_pair *pairs, unsigned pair_count, int *value);

/* Words that say what the driver is and can do, each key=value with blanks as %20. Begins the libraries that have not begun; may take as long as they do. */
void driver_describe(char *text, size_t most);

/*
 * Words that say what devices there are, how they are, and who uses them; never two at a time.
 * `anew`: NVML is begun anew before, for it lists what there was when it began; not while an error of a card is waited for that does not come back.
 */
void driver_devices(char *text, size_t most, int anew);

/* Finds what NVML has for events; NULL: there is no NVML. Called once, before any thread. */
void events_load(void *nvml);

/* Begins to listen for the driver's errors on a device. */
void events_begin(const char *uuid, void *device);

/* Ends all listening, so that NVML may end; what was heard is kept. 0: somebody still waits within NVML after so long, and all go on. */
int events_end(unsigned seconds);

/* Which errors (Xid) a device has had, each once, in the order in which they came; how many. */
unsigned events_of(const char *uuid, unsigned *xids, unsigned most);

#endif
