/*
 * tls_set.c - the identities of a channel as one immutable thing that listeners swap.
 * Owns:    copies of labels and names, a reference to each context.
 * Never:   changes once made.
 * Threads: any; counted atomically.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/net/net_private.h"
#include "broker/net/tls_choose.h"

struct tls_set {
	atomic_uint refs;
	struct tls_spec spec;
	size_t count;
	struct tls_identity identities[TLS_IDENTITIES_MAX];
	struct tls_facts facts[TLS_IDENTITIES_MAX];
	void *copies[TLS_IDENTITIES_MAX]; /* names, their octets, the label; one piece each */
};

static enum err copy_identity(struct tls_set *set, size_t at, const struct tls_identity *from)
{
	struct tls_identity *to = &set->identities[at];
	size_t names = from->name_count < TLS_IDENTITY_NAMES_MAX ? from->name_count : TLS_IDENTITY_NAMES_MAX;
	size_t label_bytes = strlen(from->label) + 1;
	size_t octets = label_bytes;
	for (size_t i = 0; i < names; i++) {
		octets += from->names[i].value.len;
	}
	struct tls_name *copy = malloc(names * sizeof(*copy) + octets);
	if (copy == NULL) {
		return ERR_NOMEM;
	}
	set->copies[at] = copy;
	uint8_t *into = (uint8_t *)(copy + names);
	for (size_t i = 0; i < names; i++) {
		struct bytes value = from->names[i].value;
		if (value.len > 0) {
			memcpy(into, value.data, value.len);
		}
		copy[i] = (struct tls_name){from->names[i].kind, bytes_of(into, value.len)};
		into += value.len;
	}
	memcpy(into, from->label, label_bytes);
	*to = *from;
	to->label = (const char *)into;
	to->names = copy;
	to->name_count = names;
	to->context = tls_context_ref(from->context);
	set->facts[at] = (struct tls_facts){.kind = from->kind,
		.not_before = from->not_before,
		.not_after = from->not_after,
		.names = copy,
		.name_count = names};
	return ERR_OK;
}

enum err tls_set_new(const struct tls_identity *identities, size_t count, struct tls_set **out)
{
	*out = NULL;
	if (count == 0 || count > TLS_IDENTITIES_MAX) {
		return ERR_LIMIT;
	}
	struct tls_set *set = calloc(1, sizeof(*set));
	if (set == NULL) {
		return ERR_NOMEM;
	}
	atomic_init(&set->refs, 1);
	set->spec = *tls_context_spec(identities[0].context);
	enum err err = ERR_OK;
	for (size_t i = 0; i < count && err == ERR_OK; i++) {
		/* Whoever may choose the identity must not choose who is asked for a certificate. */
		assert(tls_context_client_auth(identities[i].context) ==
			tls_context_client_auth(identities[0].context));
		err = copy_identity(set, i, &identities[i]);
		set->count += err == ERR_OK ? 1 : 0;
	}
	if (err != ERR_OK) {
		tls_set_unref(set);
		return err;
	}
	tls_facts_group(set->facts, set->count);
	*out = set;
	return ERR_OK;
}

struct tls_set *tls_set_ref(struct tls_set *set)
{
	if (set != NULL) {
		atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	}
	return set;
}

void tls_set_unref(struct tls_set *set)
{
	if (set == NULL || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	for (size_t i = 0; i < set->count; i++) {
		tls_context_unref(set->identities[i].context);
		free(set->copies[i]);
	}
	free(set);
}

size_t tls_set_count(const struct tls_set *set)
{
	return set->count;
}

struct tls_identity tls_set_at(const struct tls_set *set, size_t index)
{
	assert(index < set->count);
	return set->identities[index];
}

struct tls_context *tls_set_choose(const struct tls_set *set, const struct hello *hello, int64_t now)
{
	size_t index = 0;
	if (tls_choose(set->facts, set->count, &set->spec, hello, now, &index) != ERR_OK) {
		return NULL;
	}
	return tls_context_ref(set->identities[index].context);
}
