/*
 * fuzz_tls_ticket.c - what a client offers as a ticket: bytes of its own, and tickets of ours that it altered.
 * Reaches: ticket_open() and, past the seal that no fuzzer makes, what stands in a ticket, by ticket_seal().
 * Holds:   nothing opens but what was sealed, unaltered; nothing is written past the text.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/net/tls_ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define NOW_S 5000u

static void must(bool good)
{
	if (!good) {
		abort();
	}
}

struct ticket {
	uint8_t name[TICKET_NAME_BYTES], iv[TICKET_IV_BYTES], mac[TICKET_MAC_BYTES];
	uint8_t text[TICKET_TEXT_BYTES_MAX + 2 * TICKET_DIGEST_BYTES];
	size_t len;
};

static struct ticket_parts parts_of(struct ticket *ticket)
{
	return (struct ticket_parts){ticket->name, ticket->iv, ticket->mac, ticket->text, ticket->len};
}

static void take(struct bytes *in, uint8_t *out, size_t len)
{
	size_t n = in->len < len ? in->len : len;

	if (n > 0) {
		memcpy(out, in->data, n);
		*in = bytes_of(in->data + n, in->len - n);
	}
}

/* A stranger's bytes: no key of ours has that name. */
static void offer_raw(struct ticket_ring *ring, struct bytes in)
{
	static const uint8_t binding[TICKET_BINDING_BYTES];
	struct ticket ticket = {.len = 0};
	struct ticket_facts facts;

	take(&in, ticket.name, sizeof(ticket.name));
	take(&in, ticket.iv, sizeof(ticket.iv));
	take(&in, ticket.mac, sizeof(ticket.mac));
	ticket.len = in.len < sizeof(ticket.text) ? in.len : sizeof(ticket.text);
	take(&in, ticket.text, ticket.len);
	struct ticket_parts parts = parts_of(&ticket);

	must(ticket_open(ring, NOW_S, binding, &parts, &facts) != ERR_OK);
}

/* One of ours, and the input laid over it: first octet its length, second what it says, the rest is XOR. */
static void offer_altered(struct ticket_ring *ring, struct bytes in)
{
	uint8_t shape[4] = {0}, binding[TICKET_BINDING_BYTES] = {7};
	struct ticket ticket = {.len = 0};
	struct ticket_facts facts = {.expires_at_s = NOW_S + 1}, seen;
	uint8_t over[sizeof(ticket)] = {0};

	take(&in, shape, sizeof(shape));
	ticket.len = (size_t)shape[0] * 2;
	facts.client.evidence = (enum tls_evidence)(shape[1] % 5);
	struct ticket_parts parts = parts_of(&ticket);

	if (ticket_seal(ring, NOW_S, binding, &facts, &parts) != ERR_OK) {
		return;
	}
	ticket.len = parts.text_len + shape[2] % 3;
	struct ticket whole = ticket;

	take(&in, over, TICKET_NAME_BYTES + TICKET_IV_BYTES + TICKET_MAC_BYTES + ticket.len);
	for (size_t i = 0; i < sizeof(over) - sizeof(size_t); i++) {
		((uint8_t *)&ticket)[i] ^= over[i];
	}
	bool same = memcmp(&whole, &ticket, sizeof(ticket)) == 0 && ticket.len == parts.text_len;

	parts = parts_of(&ticket);
	enum err err = ticket_open(ring, NOW_S, binding, &parts, &seen);

	must((err == ERR_OK) == (same && facts.client.evidence <= TLS_EVIDENCE_CHAIN));
	must(err != ERR_OK || seen.client.evidence == facts.client.evidence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ticket_ring *ring = NULL;

	if (ticket_ring_new(&ring) != ERR_OK) {
		return 0;
	}
	offer_raw(ring, bytes_of(data, len));
	offer_altered(ring, bytes_of(data, len));
	ticket_ring_free(ring);
	return 0;
}
