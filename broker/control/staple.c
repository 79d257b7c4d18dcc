/*
 * staple.c - fetches, judges and renews the OCSP responses that our own certificates are served with.
 * Owns:    see staple.h.
 * Never:   see staple.h.
 * Threads: the control loop.
 */
#include "broker/control/staple.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"

struct staples {
	struct staples_options options;
	struct list items;
};

/* One certificate of one channel. */
struct item {
	struct list node;
	struct staples *staples;
	struct staple_subject subject; /* referenced; label is in texts */
	char *channel, *label;
	char url[X509_URL_BYTES];       /* "": there is no responder */
	struct ocsp_response *response; /* that the context shows; NULL: none */
	int64_t until;                  /* seconds, of response */
	struct wheel_timer timer;
	struct fetch *fetch; /* under way */
	unsigned failures;   /* in a row */
	bool revoked;        /* the responder said so last; said once */
	bool lapsed;         /* said that what was shown has run out */
};

static void item_free(struct item *item)
{
	if (item == NULL) {
		return;
	}
	struct staples *staples = item->staples;

	list_remove(&item->node);
	wheel_cancel(staples->options.wheel, &item->timer);
	if (item->fetch != NULL) {
		staples->options.cancel(staples->options.ctx, item->fetch);
	}
	tls_context_unref(item->subject.context);
	cert_unref(item->subject.leaf);
	cert_unref(item->subject.issuer);
	ocsp_response_unref(item->response);
	free(item->channel);
	free(item->label);
	free(item);
}

static int64_t now_s(const struct item *item)
{
	return clock_wall_ms(&item->staples->options.clock) / 1000;
}

static void again_in(struct item *item, uint64_t ms)
{
	wheel_add(item->staples->options.wheel, &item->timer,
		clock_mono_ms(&item->staples->options.clock) + ms);
}

/* --- the outcome of a fetch --- */

/* Said at the first failure in a row, and when what is shown has run out: until then it stays. */
static void failed(struct item *item, const char *sentence)
{
	uint64_t wait_ms = STAPLE_RETRY_FIRST_MS;

	for (unsigned i = 0; i < item->failures && wait_ms < STAPLE_RETRY_MAX_MS; i++) {
		wait_ms *= 2;
	}
	bool served = item->response != NULL && now_s(item) <= item->until;

	if (item->failures == 0 || (!served && !item->lapsed)) {
		item->lapsed = !served;
		LOG(item->staples->options.log, LOG_WARN, "LKG0206W",
			"no OCSP response for a certificate of a channel", LF_TEXT("channel", item->channel),
			LF_TEXT("label", item->label), LF_TEXT("sentence", sentence),
			LF_BOOL("one_is_served", served));
	}
	item->failures += item->failures < UINT32_MAX ? 1 : 0;
	again_in(item, wait_ms < STAPLE_RETRY_MAX_MS ? wait_ms : STAPLE_RETRY_MAX_MS);
}

static void renew_at_half(struct item *item)
{
	int64_t left_s = item->until - now_s(item);
	uint64_t wait_ms =
		left_s > 0 && left_s < STAPLE_FRESH_MAX_MS ? (uint64_t)left_s * 500u : STAPLE_FRESH_MAX_MS;

	if (left_s <= 0 || wait_ms < STAPLE_FRESH_MIN_MS) {
		wait_ms = STAPLE_FRESH_MIN_MS;
	}
	again_in(item, wait_ms < STAPLE_FRESH_MAX_MS ? wait_ms : STAPLE_FRESH_MAX_MS);
}

/* Takes the reference. */
static void take(struct item *item, struct ocsp_response *response, int64_t until)
{
	/* A responder behind a cache may answer with an older one: what is shown already is the better. */
	if (item->response != NULL && now_s(item) <= item->until &&
		!ocsp_response_newer(response, item->response)) {
		ocsp_response_unref(response);
	} else if (tls_context_set_staple(item->subject.context, ocsp_response_der(response), until) !=
		   ERR_OK) {
		ocsp_response_unref(response);
		failed(item, "the response is too large, or there is no memory");
		return;
	} else {
		bool first = item->response == NULL;

		ocsp_response_unref(item->response);
		item->response = response;
		item->until = until;
		if (first || item->failures > 0) {
			char text[CLOCK_TEXT_BYTES];

			clock_format(until * 1000, text);
			LOG(item->staples->options.log, LOG_INFO, "LKG0205I",
				"an OCSP response is served with a certificate",
				LF_TEXT("channel", item->channel), LF_TEXT("label", item->label),
				LF_TEXT("until", text));
		}
	}
	item->failures = 0;
	item->revoked = false;
	item->lapsed = false;
	renew_at_half(item);
}

/* The CA has revoked our own certificate: clients that ask are not shown an older answer that says otherwise. */
static void revoked(struct item *item)
{
	enum err err = tls_context_set_staple(item->subject.context, BYTES_NONE, 0);

	(void)err; /* taking back needs no memory */
	ocsp_response_unref(item->response);
	item->response = NULL;
	if (!item->revoked) {
		LOG(item->staples->options.log, LOG_ERROR, "LKG0207E",
			"a certificate that a channel serves has been revoked by its CA",
			LF_TEXT("channel", item->channel), LF_TEXT("label", item->label));
	}
	item->revoked = true;
	item->failures = 0;
	again_in(item, STAPLE_RETRY_MAX_MS);
}

static void judge(struct item *item, struct bytes body)
{
	struct ocsp_response *response = NULL;
	struct x509_error error = {0};
	int64_t until = 0;

	if (ocsp_response_parse(body, &response, &error) != ERR_OK) {
		failed(item, "the responder's answer is malformed");
		return;
	}
	switch ((int)ocsp_response_usable_for(
		response, item->subject.leaf, item->subject.issuer, now_s(item), false, &until)) {
	case X509_OK: take(item, response, until); return;
	case X509_REVOKED: revoked(item); break;
	case X509_OCSP_UNKNOWN: failed(item, "the responder does not know the certificate"); break;
	case X509_OCSP_STALE: failed(item, "the responder's answer is out of date"); break;
	case X509_OCSP_UNREACHABLE: failed(item, "the responder did not answer for this certificate"); break;
	default: failed(item, "the responder's answer cannot be believed: its signer, dates or extensions");
	}
	ocsp_response_unref(response);
}

static void on_answer(void *ctx, const struct fetch_answer *answer)
{
	struct item *item = ctx;

	item->fetch = NULL;
	if (answer->error.fault != FETCH_OK || answer->body == NULL) {
		failed(item, answer->error.sentence);
		return;
	}
	judge(item, fetch_body_bytes(answer->body));
}

/* --- asking --- */

static void ask(struct item *item)
{
	struct staples *staples = item->staples;
	struct buf body = BUF_INIT(FETCH_REQUEST_BYTES_MAX);
	struct fetch_error error = {0};

	assert(item->fetch == NULL);
	wheel_cancel(staples->options.wheel, &item->timer);
	if (item->url[0] == '\0' || item->subject.issuer == NULL) {
		/* Nothing to ask, or to judge an answer by, until the keystore or the channel changes. */
		LOG(staples->options.log, LOG_WARN, "LKG0206W",
			"no OCSP response for a certificate of a channel", LF_TEXT("channel", item->channel),
			LF_TEXT("label", item->label),
			LF_TEXT("sentence", item->url[0] == '\0'
						    ? "neither the certificate nor REVINFO names a responder"
						    : "the keystore does not hold the certificate's issuer"),
			LF_BOOL("one_is_served", false));
		return;
	}
	/* Without a nonce: the answer is for everybody. */
	enum err err =
		ocsp_request_make(item->subject.leaf, item->subject.issuer, HASH_SHA1, BYTES_NONE, &body);
	struct fetch_request request = {.url = item->url,
		.method = FETCH_POST,
		.body = buf_bytes(&body),
		.content_type = "application/ocsp-request",
		.accept = "application/ocsp-response",
		.bytes_max = TLS_STAPLE_BYTES_MAX,
		.listed = true}; /* the operator put the certificate that names it into the keystore */

	if (err == ERR_OK) {
		err = staples->options.start(
			staples->options.ctx, &request, on_answer, item, &item->fetch, &error);
	}
	buf_release(&body);
	if (err != ERR_OK) {
		item->fetch = NULL;
		failed(item, error.sentence[0] != '\0' ? error.sentence : err_name(err));
	}
}

static void on_timer(struct wheel_timer *timer)
{
	ask(CONTAINER_OF(timer, struct item, timer));
}

/* --- what is served --- */

static struct item *item_new(
	struct staples *staples, const char *channel, const struct staple_subject *subject, const char *url)
{
	struct item *item = calloc(1, sizeof(*item));

	if (item == NULL) {
		return NULL;
	}
	list_init(&item->node);
	item->staples = staples;
	item->timer.fn = on_timer;
	item->channel = strdup(channel);
	item->label = strdup(subject->label);
	item->subject = (struct staple_subject){.context = tls_context_ref(subject->context),
		.leaf = cert_ref(subject->leaf),
		.issuer = subject->issuer != NULL ? cert_ref(subject->issuer) : NULL};
	if (!cert_ocsp_url(subject->leaf, 0, item->url) && url != NULL) {
		(void)snprintf(item->url, sizeof(item->url), "%s", url);
	}
	if (item->channel == NULL || item->label == NULL) {
		item_free(item);
		return NULL;
	}
	return item;
}

/* The response of the same certificate, of the same channel before, is good for the new context, too. */
static void inherit(struct item *item)
{
	LIST_FOR_EACH(node, &item->staples->items)
	{
		const struct item *before = CONTAINER_OF(node, struct item, node);

		if (before->response != NULL && strcmp(before->channel, item->channel) == 0 &&
			memcmp(cert_sha256(before->subject.leaf), cert_sha256(item->subject.leaf),
				SHA256_BYTES) == 0 &&
			tls_context_set_staple(item->subject.context, ocsp_response_der(before->response),
				before->until) == ERR_OK) {
			item->response = ocsp_response_ref(before->response);
			item->until = before->until;
			return;
		}
	}
}

enum err staples_set(struct staples *staples, const char *channel, const struct staple_subject *subjects,
	size_t count, const char *url)
{
	struct item *fresh[TLS_IDENTITIES_MAX] = {NULL};

	assert(count <= TLS_IDENTITIES_MAX);
	for (size_t i = 0; i < count; i++) {
		fresh[i] = item_new(staples, channel, &subjects[i], url);
		if (fresh[i] == NULL) {
			while (i > 0) {
				item_free(fresh[--i]);
			}
			return ERR_NOMEM;
		}
		inherit(fresh[i]);
	}
	staples_remove(staples, channel);
	for (size_t i = 0; i < count; i++) {
		list_push_back(&staples->items, &fresh[i]->node);
		if (fresh[i]->response != NULL) {
			renew_at_half(fresh[i]);
		} else {
			ask(fresh[i]);
		}
	}
	return ERR_OK;
}

void staples_renew(struct staples *staples)
{
	LIST_FOR_EACH(node, &staples->items)
	{
		struct item *item = CONTAINER_OF(node, struct item, node);

		/* What has no response was asked for when the channel took what it serves. */
		if (item->response != NULL && item->fetch == NULL) {
			ask(item);
		}
	}
}

void staples_remove(struct staples *staples, const char *channel)
{
	LIST_FOR_EACH_SAFE(node, after, &staples->items)
	{
		struct item *item = CONTAINER_OF(node, struct item, node);

		if (strcmp(item->channel, channel) == 0) {
			item_free(item);
		}
	}
}

enum err staples_new(const struct staples_options *options, struct staples **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL) {
		return ERR_NOMEM;
	}
	(*out)->options = *options;
	list_init(&(*out)->items);
	return ERR_OK;
}

void staples_free(struct staples *staples)
{
	if (staples == NULL) {
		return;
	}
	LIST_FOR_EACH_SAFE(node, after, &staples->items)
	{
		item_free(CONTAINER_OF(node, struct item, node));
	}
	free(staples);
}
