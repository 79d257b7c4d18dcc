/*
 * tls_ticket.c - sealing and opening tickets under two rotating keys; see tls_ticket.h.
 * Owns:    the keys.
 * Never:   accepts what was sealed under a key older than two periods.
 * Threads: any; the lock covers the keys alone.
 */
#include "broker/net/tls_ticket.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/wire.h"

/* A ticket that is made in the last second of its key's period still has its whole life before it. */
_Static_assert(
	TLS_TICKET_LIFE_S <= TLS_TICKET_KEY_S, "the key before last opens every ticket that is not expired");

uint32_t ticket_life_s(uint32_t now_s, uint32_t proved_at_s, uint32_t seconds_max)
{
	uint32_t life = seconds_max < TLS_TICKET_LIFE_S ? seconds_max : TLS_TICKET_LIFE_S;
	uint32_t age = now_s > proved_at_s ? now_s - proved_at_s : 0;

	if (age >= TLS_TICKET_PROOF_S) {
		return 0;
	}
	return life < TLS_TICKET_PROOF_S - age ? life : TLS_TICKET_PROOF_S - age;
}

struct ticket_key {
	struct secret key; /* SECRET_NONE: none */
	uint8_t name[TICKET_NAME_BYTES];
	uint32_t born_s;
};

struct ticket_ring {
	pthread_mutex_t lock;
	struct ticket_key current, before;
};

enum err ticket_ring_new(struct ticket_ring **out)
{
	struct ticket_ring *ring = calloc(1, sizeof(*ring));

	*out = NULL;
	if (ring == NULL || pthread_mutex_init(&ring->lock, NULL) != 0) {
		free(ring);
		return ERR_NOMEM;
	}
	*out = ring;
	return ERR_OK;
}

void ticket_ring_free(struct ticket_ring *ring)
{
	if (ring != NULL) {
		secret_free(&ring->current.key);
		secret_free(&ring->before.key);
		(void)pthread_mutex_destroy(&ring->lock);
		free(ring);
	}
}

/* --- keys; all under the lock --- */

static enum err key_new(uint32_t now_s, struct ticket_key *out)
{
	enum err err = secret_new(AEAD_KEY_BYTES, &out->key);

	if (err == ERR_OK) {
		err = crypto_random(out->key.data, AEAD_KEY_BYTES);
	}
	if (err == ERR_OK) {
		err = crypto_random(out->name, TICKET_NAME_BYTES);
	}
	if (err != ERR_OK) {
		secret_free(&out->key);
		return err;
	}
	out->born_s = now_s;
	return ERR_OK;
}

/* The clocks of two loops differ by a turn: one that is behind sees a key from its future. */
static uint32_t age_of(const struct ticket_key *key, uint32_t now_s)
{
	return now_s > key->born_s ? now_s - key->born_s : 0;
}

/* Keys whose time is over go, also when nobody wants a new one. */
static void retire(struct ticket_ring *ring, uint32_t now_s)
{
	if (ring->current.key.data != NULL && age_of(&ring->current, now_s) >= TLS_TICKET_KEY_S) {
		secret_free(&ring->before.key);
		ring->before = ring->current;
		ring->current = (struct ticket_key){.key = SECRET_NONE};
	}
	if (ring->before.key.data != NULL && age_of(&ring->before, now_s) >= 2 * TLS_TICKET_KEY_S) {
		secret_free(&ring->before.key);
	}
}

static enum err key_for_sealing(
	struct ticket_ring *ring, uint32_t now_s, uint8_t name[TICKET_NAME_BYTES], uint8_t *key)
{
	enum err err = ERR_OK;

	(void)pthread_mutex_lock(&ring->lock);
	retire(ring, now_s);
	if (ring->current.key.data == NULL) {
		err = key_new(now_s, &ring->current);
	}
	if (err == ERR_OK) {
		memcpy(key, ring->current.key.data, AEAD_KEY_BYTES);
		memcpy(name, ring->current.name, TICKET_NAME_BYTES);
	}
	(void)pthread_mutex_unlock(&ring->lock);
	return err;
}

static bool key_is(const struct ticket_key *key, const uint8_t name[TICKET_NAME_BYTES])
{
	return key->key.data != NULL && memcmp(key->name, name, TICKET_NAME_BYTES) == 0;
}

static enum err key_for_opening(
	struct ticket_ring *ring, uint32_t now_s, const uint8_t name[TICKET_NAME_BYTES], uint8_t *key)
{
	(void)pthread_mutex_lock(&ring->lock);
	retire(ring, now_s);
	const struct ticket_key *found = key_is(&ring->current, name)  ? &ring->current
					 : key_is(&ring->before, name) ? &ring->before
								       : NULL;

	if (found != NULL) {
		memcpy(key, found->key.data, AEAD_KEY_BYTES);
	}
	(void)pthread_mutex_unlock(&ring->lock);
	return found != NULL ? ERR_OK : ERR_DENIED;
}

/* --- the text that is sealed: the library's, the chain's digest, the trailer --- */

#define PLAIN_BYTES_MAX (TICKET_TEXT_BYTES_MAX + TICKET_DIGEST_BYTES + TICKET_TRAILER_BYTES)
#define TICKET_FORM     1u /* first of the trailer: what follows, should it ever change */

static enum err put_facts(const struct ticket_facts *facts, struct buf *into)
{
	struct wire_writer writer = wire_writer_init(into);

	wire_put_bytes(&writer, bytes_of(facts->client.chain, sizeof(facts->client.chain)));
	wire_put_u16(&writer, TICKET_FORM);
	wire_put_u16(&writer, (uint16_t)facts->client.evidence);
	wire_put_u32(&writer, 0);
	wire_put_u32(&writer, facts->proved_at_s);
	wire_put_u32(&writer, facts->expires_at_s);
	return wire_writer_err(&writer);
}

static enum err get_facts(struct bytes in, struct ticket_facts *out)
{
	struct wire_reader reader = wire_reader_init(in);
	struct bytes chain = BYTES_NONE;
	uint16_t form = 0, evidence = 0;
	uint32_t reserved = 0;

	if (wire_get_bytes(&reader, sizeof(out->client.chain), &chain) != ERR_OK ||
		wire_get_u16(&reader, &form) != ERR_OK || wire_get_u16(&reader, &evidence) != ERR_OK ||
		wire_get_u32(&reader, &reserved) != ERR_OK ||
		wire_get_u32(&reader, &out->proved_at_s) != ERR_OK ||
		wire_get_u32(&reader, &out->expires_at_s) != ERR_OK || wire_reader_left(&reader) != 0) {
		return ERR_DENIED;
	}
	memcpy(out->client.chain, chain.data, sizeof(out->client.chain));
	out->client.evidence = (enum tls_evidence)evidence;
	return form == TICKET_FORM && reserved == 0 && evidence <= TLS_EVIDENCE_CHAIN ? ERR_OK : ERR_DENIED;
}

enum err ticket_seal(struct ticket_ring *ring, uint32_t now_s, const uint8_t binding[TICKET_BINDING_BYTES],
	const struct ticket_facts *facts, struct ticket_parts *parts)
{
	uint8_t key[AEAD_KEY_BYTES], name[TICKET_NAME_BYTES], iv[TICKET_IV_BYTES] = {0};
	uint8_t tag[AEAD_TAG_BYTES];
	struct buf all = BUF_INIT(PLAIN_BYTES_MAX);

	if (parts->text_len > TICKET_TEXT_BYTES_MAX) {
		return ERR_LIMIT;
	}
	enum err err =
		buf_reserve(&all, PLAIN_BYTES_MAX); /* once: nothing unwiped is left behind by growing */

	if (err == ERR_OK) {
		err = buf_append(&all, bytes_of(parts->text, parts->text_len));
	}
	if (err == ERR_OK) {
		err = put_facts(facts, &all);
	}
	if (err == ERR_OK) {
		err = crypto_random(iv, AEAD_NONCE_BYTES);
	}
	if (err == ERR_OK) {
		err = key_for_sealing(ring, now_s, name, key);
	}
	if (err == ERR_OK) {
		err = aead_seal(bytes_of(key, sizeof(key)), iv, bytes_of(binding, TICKET_BINDING_BYTES),
			all.data, all.len, tag);
	}
	if (err == ERR_OK) {
		memcpy(parts->name, name, sizeof(name));
		memcpy(parts->iv, iv, sizeof(iv));
		memcpy(parts->mac, tag, sizeof(tag));
		memcpy(parts->mac + sizeof(tag), all.data + all.len - TICKET_TRAILER_BYTES,
			TICKET_TRAILER_BYTES);
		memcpy(parts->text, all.data, all.len - TICKET_TRAILER_BYTES);
		parts->text_len += TICKET_DIGEST_BYTES;
	}
	secure_wipe(key, sizeof(key));
	secure_wipe(all.data, all.len);
	buf_release(&all);
	return err;
}

/* Also the four bytes that no nonce needs: a ticket has one form only. */
static bool iv_is_ours(const uint8_t *iv)
{
	static const uint8_t zeroes[TICKET_IV_BYTES - AEAD_NONCE_BYTES] = {0};

	return memcmp(iv + AEAD_NONCE_BYTES, zeroes, sizeof(zeroes)) == 0;
}

enum err ticket_open(struct ticket_ring *ring, uint32_t now_s, const uint8_t binding[TICKET_BINDING_BYTES],
	struct ticket_parts *parts, struct ticket_facts *out)
{
	uint8_t key[AEAD_KEY_BYTES];
	struct buf all = BUF_INIT(PLAIN_BYTES_MAX);
	struct ticket_facts facts = {0};

	if (parts->text_len < TICKET_DIGEST_BYTES ||
		parts->text_len > TICKET_TEXT_BYTES_MAX + TICKET_DIGEST_BYTES || !iv_is_ours(parts->iv)) {
		return ERR_DENIED;
	}
	size_t text_len = parts->text_len - TICKET_DIGEST_BYTES;
	enum err err = key_for_opening(ring, now_s, parts->name, key);

	if (err == ERR_OK) {
		err = buf_reserve(&all, PLAIN_BYTES_MAX);
	}
	if (err == ERR_OK) {
		err = buf_append(&all, bytes_of(parts->text, parts->text_len));
	}
	if (err == ERR_OK) {
		err = buf_append(&all, bytes_of(parts->mac + AEAD_TAG_BYTES, TICKET_TRAILER_BYTES));
	}
	if (err == ERR_OK) {
		err = aead_open(bytes_of(key, sizeof(key)), parts->iv,
			bytes_of(binding, TICKET_BINDING_BYTES), all.data, all.len, parts->mac);
	}
	if (err == ERR_OK) {
		err = get_facts(bytes_of(all.data + text_len, all.len - text_len), &facts);
	}
	if (err == ERR_OK && now_s >= facts.expires_at_s) {
		err = ERR_DENIED;
	}
	if (err == ERR_OK) {
		memcpy(parts->text, all.data, text_len);
		parts->text_len = text_len;
		*out = facts;
	}
	secure_wipe(key, sizeof(key));
	secure_wipe(all.data, all.len);
	buf_release(&all);
	return err;
}
