/*
 * heap.h - what the C library's heap must be asked for, so that it keeps no worker waiting.
 */
#ifndef LOCKGATE_BASE_HEAP_H
#define LOCKGATE_BASE_HEAP_H

/*
 * Has the heap of the calling thread merge and sort what was freed, now. glibc puts that off until somebody asks for a large
 * block, who then pays for all of it at once: 5 to 9 ms after 2,500 closed connections. Called behind every batch of freed
 * connections it costs some microseconds. Nothing to do elsewhere. Any thread.
 */
void heap_settle(void);

#endif
