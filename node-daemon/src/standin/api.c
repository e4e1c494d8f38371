/* The job's half of the stand-in's libcuda.so.1: enough of the driver API for a training-like program. */
#define _GNU_SOURCE
#include "cuda.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FIRST_ADDRESS 0x700000000000ull
#define SLOT_BITS 33

struct card cards[MOST_CARDS];
int card_count;
struct memory memories[MOST_MEMORIES];
int initialized, forked, state, locked, calls_in_flight;
int shares_by_ipc, uses_multicast, exported_memory, managed_file = -1;
pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;
static __thread struct card *current;
static uint32_t streams;

typedef uint64_t device_pointer;

const char *device_folder(void)
{
	const char *folder = getenv("FERRY_STANDIN");
	return folder ? folder : "/.ferry/gpu";
}

int open_device(int number, struct device *device)
{
	char name[32];
	snprintf(name, sizeof name, "nvidia%d.sock", number);
	int socket = connect_to(device_folder(), name);
	if (socket < 0)
		return -1;
	struct reply reply;
	if (exchange(socket, (struct request){.operation = OP_HELLO}, NULL, &reply, device, sizeof *device) < 0 || reply.error) {
		close(socket);
		return -1;
	}
	return socket;
}

int open_device_file(uint32_t index)
{
	char path[256];
	snprintf(path, sizeof path, "%s/nvidia%u", device_folder(), index);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int call_card(struct card *card, struct request request, const void *payload, struct reply *reply, void *into, size_t most)
{
	pthread_mutex_lock(&card->mutex);
	int failed = card->socket < 0 || exchange(card->socket, request, payload, reply, into, most) < 0;
	pthread_mutex_unlock(&card->mutex);
	return failed ? UNKNOWN : reply->error;
}

static int ask(struct card *card, struct request request)
{
	struct reply reply;
	return call_card(card, request, NULL, &reply, NULL, 0);
}

/* A call waits here while the process is locked. */
static int enter(void)
{
	if (!initialized || forked)
		return NOT_INITIALIZED;
	pthread_mutex_lock(&gate);
	while (locked)
		pthread_cond_wait(&gate_changed, &gate);
	calls_in_flight++;
	pthread_mutex_unlock(&gate);
	return SUCCESS;
}

static int leave(int result)
{
	pthread_mutex_lock(&gate);
	calls_in_flight--;
	pthread_cond_broadcast(&gate_changed);
	pthread_mutex_unlock(&gate);
	return result;
}

static void after_fork(void)
{
	forked = 1;
}

int cuInit(unsigned flags)
{
	char fails[256];
	if (flags)
		return INVALID_VALUE;
	if (initialized)
		return forked ? NOT_INITIALIZED : SUCCESS;
	snprintf(fails, sizeof fails, "%s/cuinit-fails", device_folder());
	if (access(fails, F_OK) == 0)
		return UNKNOWN;
	for (int number = 0; number < MOST_CARDS; number++) {
		struct card *card = &cards[card_count];
		int socket = open_device(number, &card->device);
		if (socket < 0)
			continue;
		close(socket);
		card->socket = card->file = -1;
		pthread_mutex_init(&card->mutex, NULL);
		card_count++;
	}
	if (card_count == 0)
		return NO_DEVICE;
	initialized = 1;
	pthread_atfork(NULL, NULL, after_fork);
	return SUCCESS;
}

int cuDriverGetVersion(int *version)
{
	struct device device = {0};
	int socket = -1;
	for (int number = 0; number < MOST_CARDS && socket < 0; number++)
		socket = open_device(number, &device);
	if (socket >= 0)
		close(socket);
	*version = device.personality >= 615 ? 13040 : device.personality >= 580 ? 13000 : device.personality >= 570 ? 12080 : 12040;
	return SUCCESS;
}

int cuDeviceGetCount(int *count)
{
	*count = card_count;
	return initialized ? SUCCESS : NOT_INITIALIZED;
}

int cuDeviceGet(int *device, int ordinal)
{
	*device = ordinal;
	return ordinal >= 0 && ordinal < card_count ? SUCCESS : INVALID_DEVICE;
}

int cuDeviceGetName(char *name, int length, int device)
{
	if (device < 0 || device >= card_count)
		return INVALID_DEVICE;
	snprintf(name, (size_t)length, "%s", cards[device].device.name);
	return SUCCESS;
}

int cuDeviceGetUuid(unsigned char *uuid, int device)
{
	if (device < 0 || device >= card_count)
		return INVALID_DEVICE;
	memcpy(uuid, cards[device].device.uuid, 16);
	return SUCCESS;
}

int cuDeviceGetUuid_v2(unsigned char *uuid, int device)
{
	return cuDeviceGetUuid(uuid, device);
}

int cuDeviceTotalMem_v2(size_t *bytes, int device)
{
	if (device < 0 || device >= card_count)
		return INVALID_DEVICE;
	*bytes = cards[device].device.memory;
	return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
	if (device < 0 || device >= card_count)
		return INVALID_DEVICE;
	*value = attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 10 ? 32 : 1; /* compute capability 9.0, warps of 32 */
	return SUCCESS;
}

/* ---- contexts ---- */

int cuCtxCreate_v2(void **context, unsigned flags, int device)
{
	(void)flags;
	if (device < 0 || device >= card_count)
		return INVALID_DEVICE;
	int refused = enter();
	if (refused)
		return refused;
	struct card *card = &cards[device];
	int result = SUCCESS;
	pthread_mutex_lock(&gate);
	if (card->socket < 0) {
		struct device same;
		card->socket = open_device((int)card->device.index, &same);
		card->file = open_device_file(card->device.index);
		result = card->socket < 0 || card->file < 0 || start_servant() < 0 ? NO_DEVICE : SUCCESS;
	}
	pthread_mutex_unlock(&gate);
	current = card;
	*context = card;
	return leave(result);
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
	return cuCtxCreate_v2(context, 0, device);
}

int cuCtxDestroy_v2(void *context)
{
	struct card *card = context;
	int refused = enter();
	if (refused)
		return refused;
	for (int i = 0; i < MOST_MEMORIES; i++)
		if (memories[i].length && &cards[memories[i].card] == card)
			memories[i].length = 0;
	close(card->socket);
	close(card->file);
	card->socket = card->file = -1;
	return leave(SUCCESS);
}

int cuCtxSetCurrent(void *context)
{
	current = context;
	return SUCCESS;
}

int cuCtxGetCurrent(void **context)
{
	*context = current;
	return SUCCESS;
}

int cuStreamSynchronize(void *stream)
{
	int refused = enter();
	if (refused)
		return refused;
	return leave(current ? ask(current, (struct request){.operation = OP_SYNC, .a = (uint64_t)(uintptr_t)stream}) : INVALID_CONTEXT);
}

int cuCtxSynchronize(void)
{
	return cuStreamSynchronize(NULL);
}

int cuStreamCreate(void **stream, unsigned flags)
{
	(void)flags;
	*stream = (void *)(uintptr_t)(__atomic_add_fetch(&streams, 1, __ATOMIC_SEQ_CST));
	return current ? SUCCESS : INVALID_CONTEXT;
}

int cuStreamDestroy_v2(void *stream)
{
	return cuStreamSynchronize(stream);
}

int cuStreamQuery(void *stream)
{
	int refused = enter();
	if (refused)
		return refused;
	struct reply reply = {0};
	int error = current ? call_card(current, (struct request){.operation = OP_QUERY, .a = (uint64_t)(uintptr_t)stream}, NULL, &reply, NULL, 0) : INVALID_CONTEXT;
	return leave(error ? error : reply.value ? NOT_READY : SUCCESS);
}

/* ---- memory ---- */

/* The memory in which bytes of an address lie, and their offset there. */
static struct memory *find(device_pointer address, uint64_t length, uint64_t *offset)
{
	uint64_t slot = (address - FIRST_ADDRESS) >> SLOT_BITS;
	*offset = address & ((1ull << SLOT_BITS) - 1);
	if (address < FIRST_ADDRESS || slot >= MOST_MEMORIES || *offset + length > memories[slot].length)
		return NULL;
	return &memories[slot];
}

int cuMemAlloc_v2(device_pointer *address, size_t bytes)
{
	int refused = enter();
	if (refused)
		return refused;
	if (!current)
		return leave(INVALID_CONTEXT);
	struct reply reply = {0};
	int error = bytes >> SLOT_BITS ? OUT_OF_MEMORY : call_card(current, (struct request){.operation = OP_ALLOCATE, .a = bytes}, NULL, &reply, NULL, 0);
	if (error)
		return leave(error);
	pthread_mutex_lock(&gate);
	int slot = 0;
	while (slot < MOST_MEMORIES && memories[slot].length)
		slot++;
	if (slot < MOST_MEMORIES) {
		memories[slot] = (struct memory){bytes, reply.value, NULL, (int)(current - cards)};
		*address = FIRST_ADDRESS + ((uint64_t)slot << SLOT_BITS);
	}
	pthread_mutex_unlock(&gate);
	return leave(slot < MOST_MEMORIES ? SUCCESS : OUT_OF_MEMORY);
}

/* Pinned memory; nothing here is swapped for long enough to matter. */
int cuMemAllocHost_v2(void **address, size_t bytes)
{
	int refused = enter();
	if (refused)
		return refused;
	*address = current ? malloc(bytes) : NULL;
	return leave(!current ? INVALID_CONTEXT : *address ? SUCCESS : OUT_OF_MEMORY);
}

int cuMemFreeHost(void *address)
{
	free(address);
	return SUCCESS;
}

int cuMemFree_v2(device_pointer address)
{
	int refused = enter();
	if (refused)
		return refused;
	uint64_t offset;
	struct memory *memory = find(address, 1, &offset);
	if (!memory || offset)
		return leave(INVALID_VALUE);
	int error = ask(&cards[memory->card], (struct request){.operation = OP_FREE, .a = memory->handle});
	memory->length = 0;
	return leave(error);
}

int cuMemGetInfo_v2(size_t *available, size_t *total)
{
	int refused = enter();
	if (refused)
		return refused;
	struct reply reply;
	struct stats stats = {0};
	int error = current ? call_card(current, (struct request){.operation = OP_STATS}, NULL, &reply, &stats, sizeof stats) : INVALID_CONTEXT;
	*total = stats.device.memory;
	*available = stats.device.memory - stats.used;
	return leave(error);
}

int cuMemcpyHtoD_v2(device_pointer to, const void *from, size_t bytes)
{
	int refused = enter();
	if (refused)
		return refused;
	uint64_t offset;
	struct memory *memory = find(to, bytes, &offset);
	if (!memory)
		return leave(INVALID_VALUE);
	struct reply reply;
	return leave(call_card(&cards[memory->card], (struct request){.operation = OP_WRITE, .a = memory->handle, .b = offset, .length = bytes}, from, &reply, NULL, 0));
}

int cuMemcpyDtoH_v2(void *to, device_pointer from, size_t bytes)
{
	int refused = enter();
	if (refused)
		return refused;
	uint64_t offset;
	struct memory *memory = find(from, bytes, &offset);
	if (!memory)
		return leave(INVALID_VALUE);
	struct reply reply;
	return leave(call_card(&cards[memory->card], (struct request){.operation = OP_READ, .a = memory->handle, .b = offset, .c = bytes}, NULL, &reply, to, bytes));
}

/* Of memory that is not pinned, as with the driver: the copy is done when the call returns. */
int cuMemcpyHtoDAsync_v2(device_pointer to, const void *from, size_t bytes, void *stream)
{
	(void)stream;
	return cuMemcpyHtoD_v2(to, from, bytes);
}

int cuMemcpyDtoHAsync_v2(void *to, device_pointer from, size_t bytes, void *stream)
{
	(void)stream;
	return cuMemcpyDtoH_v2(to, from, bytes);
}

int cuMemcpyDtoD_v2(device_pointer to, device_pointer from, size_t bytes)
{
	int refused = enter();
	if (refused)
		return refused;
	uint64_t out, in;
	struct memory *source = find(from, bytes, &in), *target = find(to, bytes, &out);
	if (!source || !target || source->card != target->card)
		return leave(INVALID_VALUE);
	return leave(ask(&cards[source->card], (struct request){.operation = OP_COPY, .a = source->handle, .b = in, .c = target->handle, .d = out, .e = bytes}));
}

int cuMemsetD8_v2(device_pointer to, unsigned char value, size_t bytes)
{
	int refused = enter();
	if (refused)
		return refused;
	uint64_t offset;
	struct memory *memory = find(to, bytes, &offset);
	if (!memory)
		return leave(INVALID_VALUE);
	return leave(ask(&cards[memory->card], (struct request){.operation = OP_SET, .a = memory->handle, .b = offset, .c = bytes, .d = value}));
}

/* ---- kernels ---- */

int cuModuleLoadData(void **module, const void *image)
{
	*module = (void *)(uintptr_t)image;
	return current ? SUCCESS : INVALID_CONTEXT;
}

int cuModuleGetFunction(void **function, void *module, const char *name)
{
	static const char *const names[] = {"", "axpy", "sgd_step", "checksum", "spin"};
	(void)module;
	for (uintptr_t i = 1; i < 5; i++) {
		if (strcmp(names[i], name) == 0) {
			*function = (void *)i;
			return SUCCESS;
		}
	}
	return NOT_FOUND;
}

/*
 * Parameters by kernel: axpy(float* x, float* y, u64 n, float a), sgd_step(float* w, float* m, u64 n, float rate, u64 step),
 * checksum(float* x, u64* out, u64 n), spin(u64 milliseconds).
 */
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **parameter, void **extra)
{
	(void)x, (void)y, (void)z, (void)bx, (void)by, (void)bz, (void)shared, (void)extra;
	int refused = enter();
	if (refused)
		return refused;
	uint32_t kernel = (uint32_t)(uintptr_t)function;
	struct launch launch = {0};
	struct card *card = current;
	if (kernel == KERNEL_SPIN) {
		launch.count = *(uint64_t *)parameter[0];
	} else {
		launch.count = *(uint64_t *)parameter[2];
		for (int i = 0; i < 2; i++) {
			struct memory *memory = find(*(device_pointer *)parameter[i], kernel == KERNEL_CHECKSUM && i == 1 ? 8 : launch.count * 4, &launch.offset[i]);
			if (!memory || &cards[memory->card] != card)
				return leave(INVALID_VALUE);
			launch.handle[i] = memory->handle;
		}
		if (kernel != KERNEL_CHECKSUM)
			launch.scale = *(float *)parameter[3];
		if (kernel == KERNEL_SGD_STEP)
			launch.step = *(uint64_t *)parameter[4];
	}
	struct reply reply;
	struct request request = {.operation = OP_LAUNCH, .stream = (uint32_t)(uintptr_t)stream, .a = kernel, .length = sizeof launch};
	return leave(card ? call_card(card, request, &launch, &reply, NULL, 0) : INVALID_CONTEXT);
}

/* ---- what can't be saved ---- */

int cuIpcGetMemHandle(void *handle, device_pointer address)
{
	memset(handle, 0, 64);
	memcpy(handle, &address, sizeof address);
	shares_by_ipc = 1;
	return SUCCESS;
}

int cuMulticastCreate(uint64_t *handle, const void *properties)
{
	(void)properties;
	*handle = uses_multicast = 1;
	return SUCCESS;
}

int cuMemExportToShareableHandle(void *handle, uint64_t memory, int type, uint64_t flags)
{
	(void)memory, (void)type, (void)flags;
	*(int *)handle = -1;
	exported_memory = 1;
	return SUCCESS;
}

int cuMemAllocManaged(device_pointer *address, size_t bytes, unsigned flags)
{
	(void)flags;
	char path[256];
	snprintf(path, sizeof path, "%s/nvidia-uvm", device_folder());
	if (managed_file < 0)
		managed_file = open(path, O_RDONLY | O_CLOEXEC);
	return cuMemAlloc_v2(address, bytes);
}

/* ---- errors ---- */

int cuGetErrorName(int error, const char **name)
{
	static const struct {
		int code;
		const char *name;
	} names[] = {{SUCCESS, "CUDA_SUCCESS"}, {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"}, {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"}, {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED"},
		{NO_DEVICE, "CUDA_ERROR_NO_DEVICE"}, {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"}, {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
		{OPERATING_SYSTEM, "CUDA_ERROR_OPERATING_SYSTEM"}, {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"}, {ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE"},
		{NOT_FOUND, "CUDA_ERROR_NOT_FOUND"}, {NOT_READY, "CUDA_ERROR_NOT_READY"}, {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED"}, {UNKNOWN, "CUDA_ERROR_UNKNOWN"}};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (names[i].code == error) {
			*name = names[i].name;
			return SUCCESS;
		}
	}
	*name = NULL;
	return INVALID_VALUE;
}
