/*
 * heap.c - keeps the C library's heap from saving up work.
 * Owns:    nothing.
 * Threads: any; each thread has a heap of its own (malloc(3), "arenas").
 */
#include "base/heap.h"

#include <stdlib.h>

/* Above what a thread's cache and the small bins serve (1032 and 1008 octets): such a request settles the heap first. */
#define HEAP_LARGE_BYTES 4096

void heap_settle(void)
{
#if defined(__GLIBC__)
	/* Through volatile, or the compiler removes the pair. */
	void *volatile block = malloc(HEAP_LARGE_BYTES);
	free(block);
#endif
}
