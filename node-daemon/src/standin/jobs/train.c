/*
 * A training-like program: train STEPS RANKS MEBIBYTES [SPIN_MILLIS]
 *
 * RANKS processes over all devices (rank r works on device r modulo their number; rank 0 also on the last one). Each step: a parameter
 * step on two streams, and a checksum of all ranks summed by rank 0, which feeds it back into each rank's weights: one bit that is lost in any
 * rank changes every later line. Rank 0 prints "step N SUM"; the last line is "done SUM". SPIN_MILLIS of work are left in flight all the time.
 */
#define _GNU_SOURCE
#include "driver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#define MOST_RANKS 16

static void must(int error, const char *what)
{
	if (error) {
		fprintf(stderr, "%s: error %d\n", what, error);
		exit(1);
	}
}

static void pass(ssize_t done, size_t wanted)
{
	if (done != (ssize_t)wanted)
		exit(1);
}

struct share {
	void *context, *streams[2], *sgd, *axpy, *checksum, *spin;
	device_pointer weights, momentum, sum;
	uint64_t count;
};

static void open_share(struct share *s, int device, uint64_t count, int seed)
{
	void *module;
	must(cuCtxCreate_v2(&s->context, 0, device), "cuCtxCreate");
	must(cuStreamCreate(&s->streams[0], 0), "cuStreamCreate");
	must(cuStreamCreate(&s->streams[1], 0), "cuStreamCreate");
	must(cuModuleLoadData(&module, "kernels"), "cuModuleLoadData");
	must(cuModuleGetFunction(&s->sgd, module, "sgd_step"), "sgd_step");
	must(cuModuleGetFunction(&s->axpy, module, "axpy"), "axpy");
	must(cuModuleGetFunction(&s->checksum, module, "checksum"), "checksum");
	must(cuModuleGetFunction(&s->spin, module, "spin"), "spin");
	s->count = count;
	must(cuMemAlloc_v2(&s->weights, count * 4), "cuMemAlloc");
	must(cuMemAlloc_v2(&s->momentum, count * 4), "cuMemAlloc");
	must(cuMemAlloc_v2(&s->sum, 8), "cuMemAlloc");
	float *start = malloc(count * 4);
	for (uint64_t i = 0; i < count; i++)
		start[i] = (float)((i * 2654435761u + (unsigned)seed * 97u) % 977) * 0.01f;
	must(cuMemcpyHtoD_v2(s->weights, start, count * 4), "cuMemcpyHtoD");
	memset(start, 0, count * 4);
	must(cuMemcpyHtoD_v2(s->momentum, start, count * 4), "cuMemcpyHtoD");
	free(start);
}

static uint64_t step(struct share *s, uint64_t number, uint64_t feedback, uint64_t spin)
{
	float rate = 0.01f, blend = (float)(feedback % 1000) * 1e-6f;
	uint64_t half = s->count / 2;
	device_pointer second_weights = s->weights + half * 4, second_momentum = s->momentum + half * 4;
	void *first_half[] = {&s->weights, &s->momentum, &half, &rate, &number};
	void *second_half[] = {&second_weights, &second_momentum, &half, &rate, &number};
	void *mix[] = {&s->momentum, &s->weights, &s->count, &blend};
	void *sum[] = {&s->weights, &s->sum, &s->count};
	void *wait[] = {&spin};
	must(cuCtxSetCurrent(s->context), "cuCtxSetCurrent");
	must(cuLaunchKernel(s->sgd, 1, 1, 1, 1, 1, 1, 0, s->streams[0], first_half, NULL), "sgd_step");
	must(cuLaunchKernel(s->sgd, 1, 1, 1, 1, 1, 1, 0, s->streams[1], second_half, NULL), "sgd_step");
	must(cuCtxSynchronize(), "cuCtxSynchronize");
	must(cuLaunchKernel(s->axpy, 1, 1, 1, 1, 1, 1, 0, s->streams[0], mix, NULL), "axpy");
	must(cuLaunchKernel(s->checksum, 1, 1, 1, 1, 1, 1, 0, s->streams[0], sum, NULL), "checksum");
	uint64_t result;
	must(cuMemcpyDtoH_v2(&result, s->sum, 8), "cuMemcpyDtoH");
	if (spin)
		must(cuLaunchKernel(s->spin, 1, 1, 1, 1, 1, 1, 0, s->streams[1], wait, NULL), "spin");
	return result;
}

static void work(int rank, uint64_t steps, uint64_t count, uint64_t spin, int from_above, int to_above, int ranks, const int *from, const int *to)
{
	struct share shares[2];
	int devices, used = 1;
	must(cuInit(0), "cuInit");
	must(cuDeviceGetCount(&devices), "cuDeviceGetCount");
	open_share(&shares[0], rank % devices, count, rank);
	if (rank == 0 && devices > 1) {
		open_share(&shares[1], devices - 1, count, 1000);
		used = 2;
	}
	uint64_t feedback = 0;
	for (uint64_t number = 0; number < steps; number++) {
		uint64_t sum = 0;
		for (int i = 0; i < used; i++)
			sum += step(&shares[i], number, feedback, spin);
		if (rank > 0) {
			pass(write(to_above, &sum, 8), 8);
			pass(read(from_above, &feedback, 8), 8);
			continue;
		}
		for (int other = 1; other < ranks; other++) {
			uint64_t part;
			pass(read(from[other], &part, 8), 8);
			sum = sum * 31 + part;
		}
		for (int other = 1; other < ranks; other++)
			pass(write(to[other], &sum, 8), 8);
		feedback = sum;
		printf("step %llu %016llx\n", (unsigned long long)number, (unsigned long long)sum);
		fflush(stdout);
		usleep(5000);
	}
	if (rank == 0)
		printf("done %016llx\n", (unsigned long long)feedback);
}

int main(int count, char **argument)
{
	if (count < 4)
		return 2;
	uint64_t steps = strtoull(argument[1], NULL, 10), values = strtoull(argument[3], NULL, 10) << 18, spin = count > 4 ? strtoull(argument[4], NULL, 10) : 0;
	int ranks = atoi(argument[2]);
	if (count == 8) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(atoi(argument[5]), steps, values, spin, atoi(argument[6]), atoi(argument[7]), ranks, NULL, NULL);
		return 0;
	}
	int from[MOST_RANKS], to[MOST_RANKS];
	for (int rank = 1; rank < ranks && rank < MOST_RANKS; rank++) {
		int up[2], down[2];
		pass(pipe(up), 0);
		pass(pipe(down), 0);
		if (fork() == 0) {
			char numbers[3][16];
			snprintf(numbers[0], 16, "%d", rank);
			snprintf(numbers[1], 16, "%d", down[0]);
			snprintf(numbers[2], 16, "%d", up[1]);
			execl(argument[0], argument[0], argument[1], argument[2], argument[3], count > 4 ? argument[4] : "0", numbers[0], numbers[1], numbers[2], (char *)NULL);
			_exit(127);
		}
		close(down[0]);
		close(up[1]);
		from[rank] = up[0];
		to[rank] = down[1];
	}
	work(0, steps, values, spin, -1, -1, ranks, from, to);
	while (wait(NULL) > 0)
		;
	return 0;
}
