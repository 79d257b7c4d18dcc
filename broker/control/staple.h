/*
 * staple.h - keeps an OCSP response about each certificate that channels serve, for the clients that ask (STAPLE(YES)).
 * Owns:    what it fetched, until its context shows it; when it is fetched again.
 * Never:   shows a response that it has not judged, that is not "good", or that is past its time; takes one back because
 *          a fetch failed; fetches for anybody's certificate but the operator's own.
 * Threads: the control loop.
 */
#ifndef LOCKGATE_BROKER_CONTROL_STAPLE_H
#define LOCKGATE_BROKER_CONTROL_STAPLE_H

#include "base/log.h"
#include "base/wheel.h"
#include "broker/fetch/fetch.h"
#include "x509/x509.h"

/* --- limits an operator can see --- */
#define STAPLE_RETRY_FIRST_MS 15000u   /* after a failure; doubled with each further one … */
#define STAPLE_RETRY_MAX_MS   3600000u /* … up to this */
#define STAPLE_FRESH_MIN_MS   10000u   /* after a success: at half of the time that is left, within these */
#define STAPLE_FRESH_MAX_MS   86400000u

/* One certificate that a channel serves. */
struct staple_subject {
	struct tls_context *context; /* made with `staple` */
	struct cert *leaf, *issuer;  /* issuer NULL: the keystore does not hold it */
	const char *label;           /* the key's alias */
};

struct staples;
struct staples_options {
	struct wheel *wheel; /* the control loop's */
	struct clock clock;
	struct log *log; /* may be NULL */
	/* fetch_start() and fetch_cancel(), but in tests. */
	enum err (*start)(void *ctx, const struct fetch_request *request, fetch_done_fn done, void *done_ctx,
		struct fetch **out, struct fetch_error *error);
	void (*cancel)(void *ctx, struct fetch *fetch);
	void *ctx;
};
MUST_CHECK enum err staples_new(const struct staples_options *options, struct staples **out);
void staples_free(struct staples *staples); /* cancels what is under way; NULL is fine */
/*
 * All that the channel serves from now on; refs the subjects, copies the texts. A certificate that it served before keeps its
 * response. The responder is the one that the certificate names, else url (NULL: none). ERR_NOMEM: as it was.
 */
MUST_CHECK enum err staples_set(struct staples *staples, const char *channel,
	const struct staple_subject *subjects, size_t count, const char *url);
/* Asks now for a newer one of each response that there is; the present one is served until it comes. */
void staples_renew(struct staples *staples);
void staples_remove(struct staples *staples, const char *channel);

#endif
