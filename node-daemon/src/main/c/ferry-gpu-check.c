/*
 * What a machine with GPUs is checked with: a program of CUDA's driver API, and the driver's own calls without Ferry around them.
 *
 *   ferry-gpu-check train STEPS MEBIBYTES DEVICES   works on so much memory of each of the first DEVICES; "step N CHECKSUM-OF-ALL-WEIGHTS" for each step
 *   ferry-gpu-check copy MEBIBYTES ROUNDS           copies between a device and pinned memory: "d2h BYTES NANOSECONDS", "h2d BYTES NANOSECONDS"
 *   ferry-gpu-check calls PID ROUNDS                lock, checkpoint, restore, unlock of a process: "lock NANOSECONDS" ...
 *   ferry-gpu-check park PID                        lock and checkpoint only: a process in that state may be killed on every driver
 *
 * Nothing is linked: libcuda.so.1 is loaded, so the same program runs on the stand-in. The kernels are PTX that the driver compiles for its device;
 * the stand-in has its own under the same names, with the same parameters. Sums of integers only: their order has no say in a result.
 * Exit status: 0 done; 1 the driver refused, which is said on stdout; 2 wrong arguments; 3 this driver has no such call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_DEVICES 16
#define BLOCKS 1024
#define THREADS 256
#define STEP_PAUSE_MICROS 5000

typedef uint64_t device_pointer;

static int (*cuInit)(unsigned flags);
static int (*cuDeviceGetCount)(int *count);
static int (*cuDeviceGet)(int *device, int ordinal);
static int (*cuCtxCreate)(void **context, unsigned flags, int device);
static int (*cuCtxSetCurrent)(void *context);
static int (*cuCtxSynchronize)(void);
static int (*cuMemAlloc)(device_pointer *address, size_t bytes);
static int (*cuMemAllocHost)(void **address, size_t bytes);
static int (*cuMemcpyHtoD)(device_pointer to, const void *from, size_t bytes);
static int (*cuMemcpyDtoH)(void *to, device_pointer from, size_t bytes);
static int (*cuMemsetD8)(device_pointer to, unsigned char value, size_t bytes);
static int (*cuModuleLoadData)(void **module, const void *image);
static int (*cuModuleGetFunction)(void **function, void *module, const char *name);
static int (*cuLaunchKernel)(void *function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *stream, void **parameters, void **extra);
static int (*cuGetErrorName)(int error, const char **name);

/* Compiled for compute capability 7.5 and later (T4, A100, L4, H100, H200, B200); tried with ptxas for sm_75 to sm_90. */
static const char kernels[] =
	".version 6.5\n"
	".target sm_75\n"
	".address_size 64\n"
	/* axpy(float *x, float *y, u64 n, float a): y += a * x */
	".visible .entry axpy(.param .u64 px, .param .u64 py, .param .u64 pn, .param .f32 pa)\n"
	"{\n"
	"  .reg .pred %p<2>; .reg .b32 %r<7>; .reg .b64 %d<9>; .reg .f32 %f<4>;\n"
	"  ld.param.u64 %d1, [px]; ld.param.u64 %d2, [py]; ld.param.u64 %d3, [pn]; ld.param.f32 %f1, [pa];\n"
	"  cvta.to.global.u64 %d1, %d1; cvta.to.global.u64 %d2, %d2;\n"
	"  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.u32 %r4, %r1, %r2, %r3; cvt.u64.u32 %d4, %r4;\n"
	"  mov.u32 %r5, %nctaid.x; mul.lo.u32 %r6, %r5, %r2; cvt.u64.u32 %d5, %r6;\n"
	"AXPY_NEXT:\n"
	"  setp.ge.u64 %p1, %d4, %d3; @%p1 bra AXPY_END;\n"
	"  shl.b64 %d6, %d4, 2; add.u64 %d7, %d1, %d6; add.u64 %d8, %d2, %d6;\n"
	"  ld.global.f32 %f2, [%d7]; ld.global.f32 %f3, [%d8]; fma.rn.f32 %f3, %f1, %f2, %f3; st.global.f32 [%d8], %f3;\n"
	"  add.u64 %d4, %d4, %d5; bra AXPY_NEXT;\n"
	"AXPY_END:\n"
	"  ret;\n"
	"}\n"
	/* sgd_step(float *w, float *m, u64 n, float rate, u64 step): towards a target that depends on place and step */
	".visible .entry sgd_step(.param .u64 pw, .param .u64 pm, .param .u64 pn, .param .f32 prate, .param .u64 pstep)\n"
	"{\n"
	"  .reg .pred %p<2>; .reg .b32 %r<8>; .reg .b64 %d<12>; .reg .f32 %f<7>;\n"
	"  ld.param.u64 %d1, [pw]; ld.param.u64 %d2, [pm]; ld.param.u64 %d3, [pn]; ld.param.f32 %f1, [prate]; ld.param.u64 %d9, [pstep];\n"
	"  cvta.to.global.u64 %d1, %d1; cvta.to.global.u64 %d2, %d2; neg.f32 %f1, %f1;\n"
	"  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.u32 %r4, %r1, %r2, %r3; cvt.u64.u32 %d4, %r4;\n"
	"  mov.u32 %r5, %nctaid.x; mul.lo.u32 %r6, %r5, %r2; cvt.u64.u32 %d5, %r6;\n"
	"SGD_NEXT:\n"
	"  setp.ge.u64 %p1, %d4, %d3; @%p1 bra SGD_END;\n"
	"  shl.b64 %d6, %d4, 2; add.u64 %d7, %d1, %d6; add.u64 %d8, %d2, %d6;\n"
	"  ld.global.f32 %f2, [%d7]; ld.global.f32 %f3, [%d8];\n"
	/* target: 16 bits of a mix of place and step, as a fraction; memory that repeats itself would make images look small */
	"  mul.lo.u64 %d10, %d4, 6364136223846793005; mad.lo.u64 %d10, %d9, 1442695040888963407, %d10;\n"
	"  shr.u64 %d11, %d10, 29; xor.b64 %d10, %d10, %d11; mul.lo.u64 %d10, %d10, 2862933555777941757; shr.u64 %d10, %d10, 48;\n"
	"  cvt.u32.u64 %r7, %d10; cvt.rn.f32.u32 %f4, %r7; mul.rn.f32 %f4, %f4, 0f37800000;\n"
	"  sub.rn.f32 %f5, %f2, %f4; fma.rn.f32 %f3, %f3, 0f3F666666, %f5; fma.rn.f32 %f2, %f1, %f3, %f2;\n"
	"  st.global.f32 [%d7], %f2; st.global.f32 [%d8], %f3;\n"
	"  add.u64 %d4, %d4, %d5; bra SGD_NEXT;\n"
	"SGD_END:\n"
	"  ret;\n"
	"}\n"
	/* checksum(float *x, u64 *out, u64 n): adds bits * (2 * place + 1) of all values to *out */
	".visible .entry checksum(.param .u64 px, .param .u64 pout, .param .u64 pn)\n"
	"{\n"
	"  .reg .pred %p<2>; .reg .b32 %r<8>; .reg .b64 %d<12>;\n"
	"  ld.param.u64 %d1, [px]; ld.param.u64 %d2, [pout]; ld.param.u64 %d3, [pn];\n"
	"  cvta.to.global.u64 %d1, %d1; cvta.to.global.u64 %d2, %d2; mov.u64 %d9, 0;\n"
	"  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.u32 %r4, %r1, %r2, %r3; cvt.u64.u32 %d4, %r4;\n"
	"  mov.u32 %r5, %nctaid.x; mul.lo.u32 %r6, %r5, %r2; cvt.u64.u32 %d5, %r6;\n"
	"SUM_NEXT:\n"
	"  setp.ge.u64 %p1, %d4, %d3; @%p1 bra SUM_END;\n"
	"  shl.b64 %d6, %d4, 2; add.u64 %d7, %d1, %d6; ld.global.u32 %r7, [%d7]; cvt.u64.u32 %d8, %r7;\n"
	"  shl.b64 %d10, %d4, 1; add.u64 %d10, %d10, 1; mad.lo.u64 %d9, %d8, %d10, %d9;\n"
	"  add.u64 %d4, %d4, %d5; bra SUM_NEXT;\n"
	"SUM_END:\n"
	"  red.global.add.u64 [%d2], %d9;\n"
	"  ret;\n"
	"}\n";

/* Ends the program with the driver's own word; on stdout, as it is a result. */
static void must(int error, const char *what)
{
	const char *name = NULL;
	if (error == 0)
		return;
	if (!cuGetErrorName || cuGetErrorName(error, &name) || !name)
		name = "a code without a name";
	printf("refused: %s answered %d (%s)\n", what, error, name);
	exit(1);
}

static void *library;

static void *function(const char *name)
{
	void *found = dlsym(library, name);
	if (!found) {
		printf("refused: the driver's library has no %s\n", name);
		exit(3);
	}
	return found;
}

/* Object and function pointers are the same on every machine that has this driver; ISO C does not know that. */
#define LOAD(variable, name) *(void **)(&(variable)) = function(name)

static void load(void)
{
	library = dlopen("libcuda.so.1", RTLD_NOW);
	if (!library) {
		printf("refused: %s\n", dlerror());
		exit(3);
	}
	LOAD(cuInit, "cuInit");
	LOAD(cuDeviceGetCount, "cuDeviceGetCount");
	LOAD(cuDeviceGet, "cuDeviceGet");
	LOAD(cuCtxCreate, "cuCtxCreate_v2");
	LOAD(cuCtxSetCurrent, "cuCtxSetCurrent");
	LOAD(cuCtxSynchronize, "cuCtxSynchronize");
	LOAD(cuMemAlloc, "cuMemAlloc_v2");
	LOAD(cuMemAllocHost, "cuMemAllocHost_v2");
	LOAD(cuMemcpyHtoD, "cuMemcpyHtoD_v2");
	LOAD(cuMemcpyDtoH, "cuMemcpyDtoH_v2");
	LOAD(cuMemsetD8, "cuMemsetD8_v2");
	LOAD(cuModuleLoadData, "cuModuleLoadData");
	LOAD(cuModuleGetFunction, "cuModuleGetFunction");
	LOAD(cuLaunchKernel, "cuLaunchKernel");
	LOAD(cuGetErrorName, "cuGetErrorName");
	must(cuInit(0), "cuInit");
}

static uint64_t nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct share {
	void *context, *axpy, *sgd, *checksum;
	device_pointer weights, momentum, sum;
	uint64_t count;
};

static void open_share(struct share *s, int ordinal, uint64_t bytes)
{
	int device;
	void *module;
	must(cuDeviceGet(&device, ordinal), "cuDeviceGet");
	must(cuCtxCreate(&s->context, 0, device), "cuCtxCreate");
	must(cuModuleLoadData(&module, kernels), "cuModuleLoadData");
	must(cuModuleGetFunction(&s->axpy, module, "axpy"), "cuModuleGetFunction");
	must(cuModuleGetFunction(&s->sgd, module, "sgd_step"), "cuModuleGetFunction");
	must(cuModuleGetFunction(&s->checksum, module, "checksum"), "cuModuleGetFunction");
	s->count = bytes / 2 / sizeof(float);
	must(cuMemAlloc(&s->weights, bytes / 2), "cuMemAlloc");
	must(cuMemAlloc(&s->momentum, bytes / 2), "cuMemAlloc");
	must(cuMemAlloc(&s->sum, sizeof(uint64_t)), "cuMemAlloc");
	must(cuMemsetD8(s->weights, 0, bytes / 2), "cuMemsetD8");
	must(cuMemsetD8(s->momentum, 0, bytes / 2), "cuMemsetD8");
}

static void launch(void *kernel, void **parameters)
{
	must(cuLaunchKernel(kernel, BLOCKS, 1, 1, THREADS, 1, 1, 0, NULL, parameters, NULL), "cuLaunchKernel");
}

static uint64_t step(struct share *s, uint64_t number, uint64_t feedback)
{
	float rate = 0.01f, blend = (float)(feedback % 1000) * 1e-6f;
	void *sgd[] = {&s->weights, &s->momentum, &s->count, &rate, &number};
	void *mix[] = {&s->momentum, &s->weights, &s->count, &blend};
	void *sum[] = {&s->weights, &s->sum, &s->count};
	uint64_t result;
	must(cuCtxSetCurrent(s->context), "cuCtxSetCurrent");
	launch(s->sgd, sgd);
	launch(s->axpy, mix);
	must(cuMemsetD8(s->sum, 0, sizeof result), "cuMemsetD8");
	launch(s->checksum, sum);
	must(cuCtxSynchronize(), "cuCtxSynchronize");
	must(cuMemcpyDtoH(&result, s->sum, sizeof result), "cuMemcpyDtoH");
	return result;
}

/* The sum of all devices goes into the next step of each: a bit that is lost on one changes every later line. */
static int train(uint64_t steps, uint64_t bytes, int wanted)
{
	static struct share shares[MOST_DEVICES];
	int devices;
	uint64_t feedback = 0;
	load();
	must(cuDeviceGetCount(&devices), "cuDeviceGetCount");
	if (wanted > devices || wanted > MOST_DEVICES) {
		printf("refused: %d devices are wanted, %d are seen\n", wanted, devices);
		return 1;
	}
	for (int i = 0; i < wanted; i++)
		open_share(&shares[i], i, bytes);
	for (uint64_t number = 0; number < steps; number++) {
		uint64_t sum = 0;
		for (int i = 0; i < wanted; i++)
			sum = sum * 31 + step(&shares[i], number, feedback);
		feedback = sum;
		printf("step %llu %016llx\n", (unsigned long long)number, (unsigned long long)sum);
		fflush(stdout);
		usleep(STEP_PAUSE_MICROS);
	}
	return 0;
}

static int copy(uint64_t bytes, int rounds)
{
	int device;
	void *context, *host;
	device_pointer memory;
	load();
	must(cuDeviceGet(&device, 0), "cuDeviceGet");
	must(cuCtxCreate(&context, 0, device), "cuCtxCreate");
	must(cuMemAlloc(&memory, bytes), "cuMemAlloc");
	must(cuMemAllocHost(&host, bytes), "cuMemAllocHost");
	memset(host, 1, bytes);
	for (int round = 0; round < rounds; round++) {
		uint64_t begin = nanoseconds();
		must(cuMemcpyHtoD(memory, host, bytes), "cuMemcpyHtoD");
		must(cuCtxSynchronize(), "cuCtxSynchronize");
		uint64_t middle = nanoseconds();
		must(cuMemcpyDtoH(host, memory, bytes), "cuMemcpyDtoH");
		uint64_t end = nanoseconds();
		printf("h2d %llu %llu\nd2h %llu %llu\n", (unsigned long long)bytes, (unsigned long long)(middle - begin), (unsigned long long)bytes, (unsigned long long)(end - middle));
	}
	return 0;
}

static void call(const char *said, const char *name, int pid)
{
	/* 64 bytes of zeros are the arguments of every one of these calls in every version: no time-out, no map. */
	char arguments[64] = {0};
	int (*one)(int pid, void *arguments);
	LOAD(one, name);
	uint64_t begin = nanoseconds();
	int error = one(pid, arguments);
	uint64_t end = nanoseconds();
	must(error, name);
	printf("%s %llu\n", said, (unsigned long long)(end - begin));
	fflush(stdout);
}

static int calls(int pid, int rounds, int back)
{
	load();
	for (int round = 0; round < rounds; round++) {
		call("lock", "cuCheckpointProcessLock", pid);
		call("checkpoint", "cuCheckpointProcessCheckpoint", pid);
		if (!back)
			break;
		call("restore", "cuCheckpointProcessRestore", pid);
		call("unlock", "cuCheckpointProcessUnlock", pid);
	}
	return 0;
}

static uint64_t number(const char *text)
{
	char *end;
	errno = 0;
	uint64_t value = strtoull(text, &end, 10);
	if (errno || end == text || *end || value == 0) {
		fprintf(stderr, "ferry-gpu-check: '%s' is not a number above 0\n", text);
		exit(2);
	}
	return value;
}

int main(int count, char **argument)
{
	const char *mode = count > 1 ? argument[1] : "";
	if (strcmp(mode, "train") == 0 && count == 5)
		return train(number(argument[2]), number(argument[3]) << 20, (int)number(argument[4]));
	if (strcmp(mode, "copy") == 0 && count == 4)
		return copy(number(argument[2]) << 20, (int)number(argument[3]));
	if (strcmp(mode, "calls") == 0 && count == 4)
		return calls((int)number(argument[2]), (int)number(argument[3]), 1);
	if (strcmp(mode, "park") == 0 && count == 3)
		return calls((int)number(argument[2]), 1, 0);
	fprintf(stderr, "usage: ferry-gpu-check train STEPS MEBIBYTES DEVICES | copy MEBIBYTES ROUNDS | calls PID ROUNDS | park PID\n");
	return 2;
}
