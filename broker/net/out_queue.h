/*
 * out_queue.h - output waiting for a socket: copied heads and referenced payloads, in order.
 * Owns:    its segments and the copies in them; of a referenced payload only the duty to release it.
 * Threads: one at a time; may move between threads as a plain value.
 */
#ifndef LOCKGATE_BROKER_NET_OUT_QUEUE_H
#define LOCKGATE_BROKER_NET_OUT_QUEUE_H

#include <uv.h>

#include "base/bytes.h"

struct out_segment;
struct out_queue { /* zeroed: empty */
	struct out_segment *head, *tail;
	size_t bytes;
};

MUST_CHECK enum err out_queue_copy(struct out_queue *queue, struct bytes in);
/* On failure release is not called. */
MUST_CHECK enum err out_queue_ref(
	struct out_queue *queue, struct bytes in, void (*release)(void *owner), void *owner);
/* Up to max buffers from the front, borrowed until they are consumed; appending does not move them. */
unsigned out_queue_gather(const struct out_queue *queue, uv_buf_t *bufs, unsigned max, size_t *len);
void out_queue_consume(struct out_queue *queue, size_t n);
/* Copies up to max bytes from the front, without consuming them. */
size_t out_queue_peek(const struct out_queue *queue, uint8_t *into, size_t max);
void out_queue_clear(struct out_queue *queue);

#endif
