/*
 * shift_clock.c - preloaded into a broker under test: its wall clock is off by as many seconds as a file says.
 * Owns:    the mapped file $SHIFT_CLOCK, eight bytes of which are the number.
 * Never:   touches the monotonic clock.
 * Threads: any.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The state of a library that stands in for the system's: it cannot be handed a context. */
static const volatile int64_t *seconds;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void shift_clock_open(void)
{
	const char *path = getenv("SHIFT_CLOCK");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*seconds), PROT_READ, MAP_SHARED, fd, 0);
	union {
		void *in;
		int (*out)(clockid_t, struct timespec *);
	} cast = {dlsym(RTLD_NEXT, "clock_gettime")};

	real = cast.out;
	seconds = map == MAP_FAILED ? NULL : map;
	if (fd >= 0) {
		(void)close(fd);
	}
}

int clock_gettime(clockid_t id, struct timespec *out)
{
	int result = real(id, out);

	if (result == 0 && id == CLOCK_REALTIME && seconds != NULL) {
		out->tv_sec += *seconds;
	}
	return result;
}
