/*
 * identities.h - which keys of a keystore a channel serves.
 * Owns:    nothing.
 * Never:   serves a keystore none of whose certificates is valid now.
 * Threads: see identities.c.
 */
#ifndef LOCKGATE_BROKER_CONTROL_IDENTITIES_H
#define LOCKGATE_BROKER_CONTROL_IDENTITIES_H

#include "base/log.h"
#include "broker/control/material.h"
#include "keystore/keystore.h"

/*
 * The keys that options->labels name, in their order; without labels the first key that is not merely kept, which must be of use, and all others
 * that are, up to TLS_IDENTITIES_MAX. Fills in tls, leaf_not_after (of the certificate that is valid the longest) and, with
 * options->staple, staples; on failure what is there is the caller's to release. why: for the operator.
 */
MUST_CHECK enum err identities_build(const struct material_options *options, const struct keystore *keystore,
	struct material *out, struct buf *why);
/* For DISPLAY CHSTATUS at now (seconds): the labels, how many show an OCSP response, and when the first of them expires. */
struct mqsc_row;
void identities_row(const struct tls_set *set, int64_t now, struct mqsc_row *row);
/* A line for each that was not served before as it is now; before: what set takes the place of, NULL: nothing. */
void identities_log(
	const struct tls_set *set, const struct tls_set *before, const char *channel, struct log *log);

#endif
