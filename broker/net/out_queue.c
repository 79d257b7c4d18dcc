/*
 * out_queue.c - output waiting for a socket: see out_queue.h.
 * Owns:    the segments and the copies in them.
 * Never:   looks into the bytes, or copies a referenced payload.
 * Threads: one at a time.
 */
#include "broker/net/out_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Small packets of one turn share a block of this size (with its head 512 bytes). */
#define OUT_BLOCK_BYTES 456u

struct out_segment {
	struct out_segment *next;
	const uint8_t *data;
	size_t len;
	size_t room; /* behind data + len, in own; 0 for a reference */
	void (*release)(void *owner);
	void *owner;
	uint8_t own[];
};

static struct out_segment *segment_new(struct out_queue *queue, size_t own)
{
	struct out_segment *segment = malloc(sizeof(*segment) + own);
	if (segment == NULL) {
		return NULL;
	}
	*segment = (struct out_segment){.data = segment->own, .room = own};
	if (queue->tail != NULL) {
		queue->tail->next = segment;
	} else {
		queue->head = segment;
	}
	queue->tail = segment;
	return segment;
}

enum err out_queue_copy(struct out_queue *queue, struct bytes in)
{
	if (in.len == 0) {
		return ERR_OK;
	}
	struct out_segment *segment = queue->tail;
	if (segment == NULL || segment->room < in.len) {
		segment = segment_new(queue, in.len > OUT_BLOCK_BYTES ? in.len : OUT_BLOCK_BYTES);
		if (segment == NULL) {
			return ERR_NOMEM;
		}
	}
	/* The end of what is filled, counted from the block: data may have moved on as bytes were consumed. */
	size_t filled = (size_t)(segment->data - segment->own) + segment->len;
	memcpy(segment->own + filled, in.data, in.len);
	segment->len += in.len;
	segment->room -= in.len;
	queue->bytes += in.len;
	return ERR_OK;
}

enum err out_queue_ref(struct out_queue *queue, struct bytes in, void (*release)(void *owner), void *owner)
{
	struct out_segment *segment = segment_new(queue, 0);
	if (segment == NULL) {
		return ERR_NOMEM;
	}
	segment->data = in.data;
	segment->len = in.len;
	segment->release = release;
	segment->owner = owner;
	queue->bytes += in.len;
	return ERR_OK;
}

unsigned out_queue_gather(const struct out_queue *queue, uv_buf_t *bufs, unsigned max, size_t *len)
{
	unsigned count = 0;
	*len = 0;
	for (const struct out_segment *at = queue->head; at != NULL && count < max; at = at->next) {
		if (at->len > 0) {
			/* libuv's buffer is not const, though a write does not change it. */
			bufs[count].base = (char *)(uintptr_t)at->data;
			bufs[count].len = at->len;
			*len += at->len;
			count++;
		}
	}
	return count;
}

static void segment_free(struct out_segment *segment)
{
	if (segment->release != NULL) {
		segment->release(segment->owner);
	}
	free(segment);
}

void out_queue_consume(struct out_queue *queue, size_t n)
{
	assert(n <= queue->bytes);
	queue->bytes -= n;
	while (queue->head != NULL) {
		struct out_segment *head = queue->head;
		if (head->len > n) {
			head->data += n;
			head->len -= n;
			return;
		}
		n -= head->len;
		queue->head = head->next;
		if (queue->head == NULL) {
			queue->tail = NULL;
		}
		segment_free(head);
	}
}

size_t out_queue_peek(const struct out_queue *queue, uint8_t *into, size_t max)
{
	size_t done = 0;
	for (const struct out_segment *at = queue->head; at != NULL && done < max; at = at->next) {
		size_t take = at->len < max - done ? at->len : max - done;
		if (take > 0) {
			memcpy(into + done, at->data, take);
		}
		done += take;
	}
	return done;
}

void out_queue_clear(struct out_queue *queue)
{
	out_queue_consume(queue, queue->bytes);
}
