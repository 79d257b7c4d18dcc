/*
 * sources_vouch.c - whose signature a fetched list should bear: what the cache asks before it takes one.
 * Owns:    a snapshot of the anchors until it is released.
 * Never:   says that a list is believed: the judge finds its signer.
 * Threads: take and free on the control loop; sources_vouch_for() on a lane.
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/control/sources_private.h"

struct vouch {
	struct cert **issuers;
	size_t count;
};

void sources_vouch_free(void *snapshot)
{
	struct vouch *vouch = snapshot;

	for (size_t i = 0; vouch != NULL && i < vouch->count; i++) {
		cert_unref(vouch->issuers[i]);
	}
	if (vouch != NULL) {
		free(vouch->issuers);
	}
	free(vouch);
}

/* The anchors of every running channel. Issuers between them and a device are not known here: their lists are held unvouched. */
void *sources_vouch_take(void *ctx)
{
	struct sources *sources = ctx;
	struct vouch *vouch = calloc(1, sizeof(*vouch));
	size_t anchors = 0;

	LIST_FOR_EACH(node, &sources->control->channels)
	{
		const struct trust_set *trust = CONTAINER_OF(node, struct channel, node)->material.trust;

		anchors += trust == NULL ? 0 : trust_set_anchor_count(trust);
	}
	if (vouch != NULL) {
		vouch->issuers = calloc(anchors + 1, sizeof(vouch->issuers[0]));
	}
	if (vouch == NULL || vouch->issuers == NULL) {
		free(vouch);
		return NULL;
	}
	LIST_FOR_EACH(node, &sources->control->channels)
	{
		const struct trust_set *trust = CONTAINER_OF(node, struct channel, node)->material.trust;

		for (size_t i = 0; trust != NULL && i < trust_set_anchor_count(trust); i++) {
			vouch->issuers[vouch->count++] = cert_ref(trust_set_anchor(trust, i));
		}
	}
	return vouch;
}

enum revocation_vouch sources_vouch_for(void *snapshot, const struct crl *crl, char *sentence)
{
	const struct vouch *vouch = snapshot;
	struct buf name = BUF_INIT(4096);
	const char *text = "";
	bool known = false;

	for (size_t i = 0; vouch != NULL && i < vouch->count; i++) {
		if (!x509_name_equal(cert_subject_der(vouch->issuers[i]), crl_issuer_der(crl))) {
			continue;
		}
		known = true;
		if (crl_verify_issued_by(crl, vouch->issuers[i]) == ERR_OK) {
			return REVOCATION_VOUCHED;
		}
	}
	if (!known) {
		return REVOCATION_UNKNOWN;
	}
	if (crl_print_issuer(crl, &name) != ERR_OK || buf_text(&name, &text) != ERR_OK) {
		text = "";
	}
	(void)snprintf(sentence, X509_SENTENCE_BYTES, "the list was not signed by its issuer '%.180s'", text);
	buf_release(&name);
	return REVOCATION_FORGED;
}
