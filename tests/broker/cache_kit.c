/*
 * cache_kit.c - a revocation cache on a fake clock: see cache_kit.h.
 * Owns:    what a kit holds.
 * Threads: one.
 */
#include "cache_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err fake_start(void *ctx, const struct fetch_request *request, fetch_done_fn done, void *done_ctx,
	struct fetch **out, struct fetch_error *error)
{
	struct ckit *kit = ctx;

	if (kit->start_err != ERR_OK) {
		error->fault = FETCH_LOOPBACK;
		(void)snprintf(error->sentence, sizeof(error->sentence), "refused at once");
		return kit->start_err;
	}
	REQUIRE("room for questions", kit->asked_count < CKIT_ASKED_MAX);
	struct asked *asked = &kit->asked[kit->asked_count++];

	*asked = (struct asked){.open = true, .done = done, .ctx = done_ctx};
	(void)snprintf(asked->url, sizeof(asked->url), "%s", request->url);
	(void)snprintf(asked->etag, sizeof(asked->etag), "%s", request->etag == NULL ? "" : request->etag);
	(void)snprintf(asked->last_modified, sizeof(asked->last_modified), "%s",
		request->last_modified == NULL ? "" : request->last_modified);
	(void)snprintf(asked->body, sizeof(asked->body), "%.*s", (int)request->body.len,
		request->body.len == 0 ? "" : (const char *)request->body.data);
	asked->listed = request->listed;
	asked->post = request->method == FETCH_POST;
	asked->bytes_max = request->bytes_max;
	*out = (struct fetch *)(void *)asked;
	return ERR_OK;
}

static void fake_cancel(void *ctx, struct fetch *fetch)
{
	struct ckit *kit = ctx;
	struct asked *asked = (struct asked *)(void *)fetch;

	CHECK("only what is open is cancelled", asked->open);
	asked->open = false;
	kit->cancelled++;
}

static uint32_t fake_random(void *ctx, uint32_t n)
{
	(void)n;
	return ((struct ckit *)ctx)->random;
}

static void *fake_snapshot(void *ctx)
{
	struct ckit *kit = ctx;

	kit->snapshots++;
	return kit;
}

static void fake_release(void *snapshot)
{
	((struct ckit *)snapshot)->released++;
}

static enum revocation_vouch fake_vouch(void *snapshot, const struct crl *crl, char *sentence)
{
	struct ckit *kit = snapshot;

	if (kit->forged_for != NULL &&
		x509_name_equal(crl_issuer_der(crl), cert_subject_der(kit->forged_for))) {
		(void)snprintf(sentence, X509_SENTENCE_BYTES, "its signature is not the CA's");
		return REVOCATION_FORGED;
	}
	if (kit->vouch_for != NULL &&
		x509_name_equal(crl_issuer_der(crl), cert_subject_der(kit->vouch_for))) {
		return REVOCATION_VOUCHED;
	}
	return REVOCATION_UNKNOWN;
}

static void on_crl(void *ctx, const char *url, struct crl *crl)
{
	struct ckit *kit = ctx;

	kit->crl_calls++;
	(void)snprintf(kit->crl_url, sizeof(kit->crl_url), "%s", url);
	crl_unref(kit->crl);
	kit->crl = crl_ref(crl);
}

static void on_failed(void *ctx, const char *url, const char *sentence, uint64_t retry_ms)
{
	struct ckit *kit = ctx;

	kit->failed_calls++;
	(void)snprintf(kit->failed_url, sizeof(kit->failed_url), "%s", url);
	(void)snprintf(kit->failed_sentence, sizeof(kit->failed_sentence), "%s", sentence);
	kit->failed_retry_ms = retry_ms;
}

static void on_ocsp(void *ctx, const uint8_t key[SHA256_BYTES], struct bytes response)
{
	struct ckit *kit = ctx;

	kit->ocsp_calls++;
	(void)snprintf(kit->ocsp_response, sizeof(kit->ocsp_response), "%.*s", (int)response.len,
		(const char *)response.data);
	if (kit->on_ocsp != NULL) {
		kit->on_ocsp(kit->on_ocsp_ctx, key, response);
	}
	if (kit->keep_on_ocsp) {
		CHECK("kept", revocation_ocsp_keep(kit->cache, key, response, &kit->keep_times) == ERR_OK);
	}
}

void ckit_open(struct ckit *kit, const char *folder, bool vouch, const struct revocation_options *options)
{
	struct revocation_options all = {0};
	const struct fetch_source source = {fake_start, fake_cancel, kit};

	if (kit->wheel == NULL) {
		kit->clock = (struct clock_fake){.mono_ms = 1000, .wall_ms = PKI_NOW * 1000};
		kit->lane.limit = 64;
		REQUIRE("wheel", wheel_new(kit->clock.mono_ms, &kit->wheel) == ERR_OK);
	}
	if (options != NULL) {
		all = *options;
	}
	all.source = &source;
	all.executor = executor_from_inline(&kit->lane);
	all.wheel = kit->wheel;
	all.clock = clock_from_fake(&kit->clock);
	all.folder = folder;
	all.random_below = fake_random;
	all.random_ctx = kit;
	all.calls = (struct revocation_calls){
		.on_crl = on_crl, .on_failed = on_failed, .on_ocsp = on_ocsp, .ctx = kit};
	if (vouch) {
		all.calls.snapshot = fake_snapshot;
		all.calls.snapshot_release = fake_release;
		all.calls.vouch = fake_vouch;
	}
	REQUIRE("cache", revocation_cache_new(&all, &kit->cache) == ERR_OK);
}

void ckit_close(struct ckit *kit)
{
	revocation_cache_free(kit->cache);
	kit->cache = NULL;
	CHECK("no question is left", ckit_open_count(kit) == 0);
	unsigned calls = kit->crl_calls + kit->failed_calls + kit->ocsp_calls;

	ckit_jobs(kit);
	CHECK("nobody is called behind the end",
		calls == kit->crl_calls + kit->failed_calls + kit->ocsp_calls);
	CHECK("snapshots are given back", kit->snapshots == kit->released);
	CHECK("no timer is left", wheel_next_ms(kit->wheel) == WHEEL_NEVER);
	wheel_free(kit->wheel);
	kit->wheel = NULL;
	crl_unref(kit->crl);
	kit->crl = NULL;
}

void ckit_jobs(struct ckit *kit)
{
	(void)executor_inline_run(&kit->lane);
}

void ckit_advance(struct ckit *kit, uint64_t ms)
{
	do {
		uint64_t step = ms < 3600000 ? ms : 3600000;

		clock_fake_advance(&kit->clock, step);
		(void)wheel_advance(kit->wheel, kit->clock.mono_ms);
		ckit_jobs(kit);
		ms -= step;
	} while (ms > 0);
}

unsigned ckit_open_count(const struct ckit *kit)
{
	unsigned count = 0;

	for (unsigned i = 0; i < kit->asked_count; i++) {
		count += kit->asked[i].open ? 1 : 0;
	}
	return count;
}

struct asked *ckit_last(struct ckit *kit)
{
	for (unsigned i = kit->asked_count; i > 0; i--) {
		if (kit->asked[i - 1].open) {
			return &kit->asked[i - 1];
		}
	}
	REQUIRE("something was asked", false);
	return &kit->asked[0]; /* not reached */
}

static void answer_with(struct ckit *kit, const struct fetch_answer *answer)
{
	struct asked *asked = ckit_last(kit);

	asked->open = false;
	asked->done(asked->ctx, answer);
	ckit_jobs(kit);
}

void ckit_answer(struct ckit *kit, struct bytes body, const char *etag)
{
	struct fetch_answer answer = {.status = 200, .etag = etag, .last_modified = ""};

	REQUIRE("body", fetch_body_new(body, &answer.body) == ERR_OK);
	answer_with(kit, &answer);
	fetch_body_unref(answer.body);
}

void ckit_answer_crl(
	struct ckit *kit, const struct pki *ca, uint64_t number, int64_t this_update, int64_t next_update)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	char etag[32];

	(void)snprintf(etag, sizeof(etag), "\"%llu\"", (unsigned long long)number);
	pki_crl_der(ca, number, this_update, next_update, NULL, 0, &der);
	ckit_answer(kit, buf_bytes(&der), etag);
	buf_release(&der);
}

void ckit_answer_unmodified(struct ckit *kit)
{
	struct fetch_answer answer = {.status = 304, .not_modified = true, .etag = "", .last_modified = ""};

	answer_with(kit, &answer);
}

void ckit_answer_fault(struct ckit *kit, enum fetch_fault fault)
{
	struct fetch_answer answer = {.etag = "", .last_modified = ""};

	answer.error.fault = fault;
	(void)snprintf(answer.error.sentence, sizeof(answer.error.sentence), "it failed: %s",
		fetch_fault_name(fault));
	answer_with(kit, &answer);
}

void told_list(void *ctx, enum err err, const char *sentence)
{
	struct told *told = ctx;

	told->calls++;
	told->err = err;
	(void)snprintf(told->sentence, sizeof(told->sentence), "%s", sentence);
}

void told_ocsp(void *ctx, enum err err, struct bytes response, const char *sentence)
{
	struct told *told = ctx;

	told_list(told, err, sentence);
	(void)snprintf(told->response, sizeof(told->response), "%.*s", (int)response.len,
		response.len == 0 ? "" : (const char *)response.data);
}
