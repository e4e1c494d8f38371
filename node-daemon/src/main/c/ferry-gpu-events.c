/*
 * The driver's errors (Xid) as NVML tells them: one set of events and one thread for each device, so that a wait that hangs, or one that a lost device ends at once, is
 * none of the others'. Events are told from then on when they are asked for: what was before this process began, only the kernel's log knows. What an error means is
 * the daemon's to say; here is kept which ones each card has had, for as long as this process lives, also while NVML does not list it. A reset of a card wants every
 * process off it, this one too.
 */
#define _GNU_SOURCE
#include "ferry-gpu.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NVML_TIMEOUT = 10, WAIT_MILLIS = 1000, PAUSE_SECONDS = 5 };
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
static int (*set_free)(void *set);
static int (*register_events)(void *device, unsigned long long types, void *set);
static int (*set_wait)(void *set, struct event *event, unsigned timeout_millis);

/* A card is known by its UUID: its index is another one when NVML was begun anew. */
static struct {
	char uuid[96];
	unsigned xids[MOST_XIDS], count;
} cards[MOST_DEVICES];

/* What listens; without a set it waits for one. */
static struct {
	void *set;
	unsigned card;
	int has_thread;
} ears[MOST_DEVICES];
static unsigned listening; /* threads within NVML */
static int paused;
static pthread_mutex_t noting = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void events_load(void *nvml)
{
	if (!nvml)
		return;
	*(void **)&set_create = dlsym(nvml, "nvmlEventSetCreate");
	*(void **)&set_free = dlsym(nvml, "nvmlEventSetFree");
	*(void **)&register_events = dlsym(nvml, "nvmlDeviceRegisterEvents");
	*(void **)&set_wait = dlsym(nvml, "nvmlEventSetWait_v2");
}

static void note(unsigned card, unsigned xid)
{
	unsigned at = 0;
	while (at < cards[card].count && cards[card].xids[at] != xid)
		at++;
	if (at == cards[card].count && at < MOST_XIDS)
		cards[card].xids[cards[card].count++] = xid;
}

static struct timespec in_seconds(unsigned seconds)
{
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += seconds;
	return end;
}

static void *listen_to(void *argument)
{
	unsigned ear = (unsigned)(size_t)argument;
	pthread_mutex_lock(&noting);
	for (;;) {
		while (paused || !ears[ear].set)
			pthread_cond_wait(&changed, &noting);
		void *set = ears[ear].set;
		unsigned card = ears[ear].card;
		struct event event = {0};
		listening++;
		pthread_mutex_unlock(&noting);
		int result = set_wait(set, &event, WAIT_MILLIS);
		pthread_mutex_lock(&noting);
		listening--;
		pthread_cond_broadcast(&changed);
		if (result == 0 && event.type == XID_CRITICAL_ERROR)
			note(card, (unsigned)event.data);
		else if (result != 0 && result != NVML_TIMEOUT) {
			/* Of a lost device each wait ends at once. */
			struct timespec end = in_seconds(PAUSE_SECONDS);
			while (!paused && pthread_cond_timedwait(&changed, &noting, &end) != ETIMEDOUT)
				;
		}
	}
	return NULL;
}

static unsigned card_of(const char *uuid)
{
	unsigned card = 0;
	while (card < MOST_DEVICES && cards[card].uuid[0] && strcmp(cards[card].uuid, uuid) != 0)
		card++;
	if (card < MOST_DEVICES)
		snprintf(cards[card].uuid, sizeof cards[card].uuid, "%s", uuid);
	return card;
}

void events_begin(const char *uuid, void *device)
{
	pthread_t thread;
	void *set = NULL;
	if (!uuid[0] || !set_create || !register_events || !set_wait || set_create(&set))
		return;
	/* Not every device has such events; its health is what is read of it then. */
	int failed = register_events(device, XID_CRITICAL_ERROR, set);
	pthread_mutex_lock(&noting);
	unsigned ear = 0, card = card_of(uuid);
	while (ear < MOST_DEVICES && ears[ear].set)
		ear++;
	if (!failed && ear < MOST_DEVICES && card < MOST_DEVICES) {
		ears[ear].card = card;
		ears[ear].set = set;
		set = NULL;
		if (!ears[ear].has_thread && pthread_create(&thread, NULL, listen_to, (void *)(size_t)ear) == 0) {
			pthread_detach(thread);
			ears[ear].has_thread = 1;
		}
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&noting);
	if (set && set_free)
		set_free(set);
}

int events_end(unsigned seconds)
{
	struct timespec end = in_seconds(seconds);
	pthread_mutex_lock(&noting);
	paused = 1;
	pthread_cond_broadcast(&changed);
	while (listening && pthread_cond_timedwait(&changed, &noting, &end) != ETIMEDOUT)
		;
	int ended = !listening;
	for (unsigned ear = 0; ended && ear < MOST_DEVICES; ear++) {
		if (ears[ear].set && set_free)
			set_free(ears[ear].set);
		ears[ear].set = NULL;
	}
	paused = 0;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&noting);
	return ended;
}

unsigned events_of(const char *uuid, unsigned *xids, unsigned most)
{
	unsigned count = 0;
	pthread_mutex_lock(&noting);
	for (unsigned card = 0; uuid[0] && card < MOST_DEVICES; card++)
		if (strcmp(cards[card].uuid, uuid) == 0)
			for (; count < cards[card].count && count < most; count++)
				xids[count] = cards[card].xids[count];
	pthread_mutex_unlock(&noting);
	return count;
}
