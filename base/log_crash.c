/*
 * log_crash.c - a process that dies of an assertion or a fault first writes the lines that wait.
 * Owns:    what the process does on the five signals of a crash.
 * Never:   keeps the process alive, or hides from another handler (a sanitizer's) what happened.
 * Threads: the handler runs on the one that crashed; the writer's thread does the writing.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/log_writer.h"

static const int crash_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};

/* A signal handler has no context but the process: the only mutable state of the kind in this module. */
static _Atomic(struct log *) crash_log;
static atomic_bool crash_installed;
static struct sigaction crash_before[sizeof(crash_signals) / sizeof(crash_signals[0])];

static void on_crash(int number, siginfo_t *info, void *context)
{
	(void)context;
	struct log *log = atomic_exchange(&crash_log, NULL);
	if (log != NULL) {
		(void)log_flush(log);
	}
	for (size_t i = 0; i < ARRAY_COUNT(crash_signals); i++) {
		if (crash_signals[i] == number) {
			(void)sigaction(number, &crash_before[i], NULL);
		}
	}
	/* A fault happens again when the instruction is repeated, and then ends the process. What was sent does not. */
	if (info->si_code <= 0) {
		(void)raise(number); /* blocked until this handler returns */
	}
}

void log_flush_at_crash(struct log *log)
{
	atomic_store(&crash_log, log);
	if (atomic_exchange(&crash_installed, true)) {
		return;
	}
	struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO};
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_COUNT(crash_signals); i++) {
		(void)sigaction(crash_signals[i], &action, &crash_before[i]);
	}
}

void log_forget_at_crash(struct log *log)
{
	(void)atomic_compare_exchange_strong(&crash_log, &log, NULL);
}
