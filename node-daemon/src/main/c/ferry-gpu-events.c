/*
 * The driver's errors (Xid) as NVML tells them: one set of events and one thread for each device, so that a wait that hangs, or one that a lost device ends at once, is
 * none of the others'. Events are told from then on when they are asked for: what was before this process began, only the kernel's log knows. What an error means is
 * the daemon's to say; here is kept which ones each device has had, for as long as this process lives. A reset of a card wants every process off it, this one too.
 */
#define _GNU_SOURCE
#include "ferry-gpu.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { NVML_TIMEOUT = 10, WAIT_MILLIS = 5000, PAUSE_SECONDS = 5 };
#define XID_CRITICAL_ERROR 8ull
#define MOST_DEVICES 64
#define MOST_XIDS 32

/* nvmlEventData_t of driver 450 and later. */
struct event {
	void *device;
	unsigned long long type, data;
	unsigned gpu_instance, compute_instance;
};

static int (*set_create)(void **set);
static int (*register_events)(void *device, unsigned long long types, void *set);
static int (*set_wait)(void *set, struct event *event, unsigned timeout_millis);

static struct {
	void *set;
	unsigned xids[MOST_XIDS], count;
} devices[MOST_DEVICES];
static pthread_mutex_t noting = PTHREAD_MUTEX_INITIALIZER;

void events_load(void *nvml)
{
	if (!nvml)
		return;
	*(void **)&set_create = dlsym(nvml, "nvmlEventSetCreate");
	*(void **)&register_events = dlsym(nvml, "nvmlDeviceRegisterEvents");
	*(void **)&set_wait = dlsym(nvml, "nvmlEventSetWait_v2");
}

static void note(unsigned index, unsigned xid)
{
	unsigned at = 0;
	pthread_mutex_lock(&noting);
	while (at < devices[index].count && devices[index].xids[at] != xid)
		at++;
	if (at == devices[index].count && at < MOST_XIDS)
		devices[index].xids[devices[index].count++] = xid;
	pthread_mutex_unlock(&noting);
}

static void *listen_to(void *argument)
{
	unsigned index = (unsigned)(size_t)argument;
	for (;;) {
		struct event event = {0};
		int result = set_wait(devices[index].set, &event, WAIT_MILLIS);
		if (result == 0 && event.type == XID_CRITICAL_ERROR)
			note(index, (unsigned)event.data);
		else if (result != 0 && result != NVML_TIMEOUT)
			sleep(PAUSE_SECONDS); /* Of a lost device each wait ends at once. */
	}
	return NULL;
}

void events_begin(unsigned index, void *device)
{
	pthread_t thread;
	if (index >= MOST_DEVICES || !set_create || !register_events || !set_wait || set_create(&devices[index].set))
		return;
	/* Not every device has such events; its health is what is read of it then. */
	if (register_events(device, XID_CRITICAL_ERROR, devices[index].set) == 0 && pthread_create(&thread, NULL, listen_to, (void *)(size_t)index) == 0)
		pthread_detach(thread);
}

unsigned events_of(unsigned index, unsigned *xids, unsigned most)
{
	unsigned count = 0;
	pthread_mutex_lock(&noting);
	while (index < MOST_DEVICES && count < devices[index].count && count < most) {
		xids[count] = devices[index].xids[count];
		count++;
	}
	pthread_mutex_unlock(&noting);
	return count;
}
