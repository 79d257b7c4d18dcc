/*
 * usage.h - what the kernel says a process has used.
 * Never:   asks the process itself.
 */
#ifndef LOCKGATE_BENCH_USAGE_H
#define LOCKGATE_BENCH_USAGE_H

#include <sys/types.h>

#include "base/err.h"

struct usage {
	uint64_t
		cpu_ns; /* user and system, of all threads that live; nanoseconds where the kernel counts them */
	uint64_t rss_bytes; /* resident */
	uint64_t
		pss_bytes; /* resident, shared pages divided by their users: other processes' comings and goings show */
	uint64_t anonymous_bytes; /* resident and not of a file: heap and stacks, what connections cost */
};

/* ERR_NOT_FOUND when there is no such process, ERR_IO when its accounting cannot be read. */
MUST_CHECK enum err usage_of(pid_t pid, struct usage *out);

#endif
