/*
 * Goal: the cache over real sockets, real lanes and a real folder: a list comes, changes, survives a bad server and a restart.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/fetch/revocation_cache.h"
#include "fetch_kit.h"
#include "tests/test.h"
#include "tests/x509/pki.h"

struct consumer {
	unsigned crls, failures, vouched, snapshots, released;
	uint8_t number;
};

static void *snapshot(void *ctx)
{
	struct consumer *consumer = ctx;

	consumer->snapshots++;
	return consumer;
}

static void snapshot_release(void *of)
{
	((struct consumer *)of)->released++;
}

static enum revocation_vouch vouch(void *of, const struct crl *crl, char *sentence)
{
	(void)of;
	(void)crl;
	(void)sentence;
	return REVOCATION_VOUCHED;
}

static void on_crl(void *ctx, const char *url, struct crl *crl)
{
	struct consumer *consumer = ctx;
	struct bytes number = crl_number(crl);

	(void)url;
	consumer->crls++;
	consumer->number = number.len == 1 ? number.data[0] : 0;
}

static void on_failed(void *ctx, const char *url, const char *sentence, uint64_t retry_ms)
{
	struct consumer *consumer = ctx;

	(void)url;
	(void)sentence;
	(void)retry_ms;
	consumer->failures++;
}

static struct revocation_cache *open_cache(struct fkit *kit, const char *folder, struct consumer *consumer)
{
	struct revocation_cache *cache = NULL;
	unsigned at = net_control_at(kit->net);
	const struct revocation_options options = {.fetcher = kit->fetcher,
		.executor = net_executor(kit->net, at),
		.wheel = net_wheel(kit->net, at),
		.clock = net_clock(kit->net, at),
		.folder = folder,
		.calls = {.snapshot = snapshot,
			.snapshot_release = snapshot_release,
			.vouch = vouch,
			.on_crl = on_crl,
			.on_failed = on_failed,
			.ctx = consumer}};

	REQUIRE("cache", revocation_cache_new(&options, &cache) == ERR_OK);
	return cache;
}

static void publish(struct fkit *kit, const struct pki *ca, uint64_t number)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	char etag[32];
	int64_t now = (int64_t)time(NULL);

	(void)snprintf(etag, sizeof(etag), "\"%u\"", (unsigned)number);
	pki_crl_der(ca, number, now - 60, now + PKI_DAY, NULL, 0, &der);
	web_set_file(kit->web, buf_bytes(&der), etag);
	buf_release(&der);
}

/* Turns until *counter reaches want. */
static bool wait_for(struct fkit *kit, const unsigned *counter, unsigned want)
{
	for (unsigned i = 0; i < WEB_WAIT_MS / 5 && *counter < want; i++) {
		fkit_turns(kit, 5);
	}
	return *counter >= want;
}

/* The list is served, replaced, left unchanged, taken back, and lost. */
static void test_first_life(
	struct fkit *kit, const struct pki *ca, const char *folder, const struct revocation_want *want)
{
	struct consumer consumer = {0};
	struct revocation_counters counters = {0};
	struct revocation_cache *cache = open_cache(kit, folder, &consumer);

	CHECK("wanted", revocation_want_set(cache, want, 1) == ERR_OK);
	CHECK("the server is not ready", wait_for(kit, &consumer.failures, 1));
	publish(kit, ca, 5);
	revocation_refresh(cache);
	CHECK("a list comes", wait_for(kit, &consumer.crls, 1) && consumer.number == 5);
	publish(kit, ca, 6);
	revocation_refresh(cache);
	CHECK("a newer one", wait_for(kit, &consumer.crls, 2) && consumer.number == 6);
	revocation_refresh(cache);
	for (unsigned i = 0; i < WEB_WAIT_MS / 5 && counters.unmodified == 0; i++) {
		fkit_turns(kit, 5);
		revocation_counters(cache, &counters);
	}
	CHECK("unchanged", counters.unmodified == 1 && consumer.crls == 2 && consumer.failures == 1);
	publish(kit, ca, 4);
	revocation_refresh(cache);
	CHECK("an older one is not taken", wait_for(kit, &consumer.failures, 2) && consumer.crls == 2);
	web_set_file(kit->web, bytes_text("<html>sorry</html>"), "\"x\"");
	revocation_refresh(cache);
	CHECK("nor a page of apologies", wait_for(kit, &consumer.failures, 3) && consumer.crls == 2);
	web_set_file(kit->web, BYTES_NONE, "");
	revocation_refresh(cache);
	CHECK("a server that is away takes nothing", wait_for(kit, &consumer.failures, 4));
	CHECK("held", revocation_crl(cache, want->url) != NULL && consumer.number == 6);
	revocation_cache_free(cache);
	fkit_turns(kit, 20);
	CHECK("snapshots are given back", consumer.snapshots == consumer.released);
}

/* Back from disk; then ended again and again with a fetch or a job under way. */
static void test_later_lives(struct fkit *kit, const struct pki *ca, const char *folder,
	const struct revocation_want *want, struct consumer *consumer)
{
	struct revocation_cache *cache = open_cache(kit, folder, consumer);

	CHECK("wanted", revocation_want_set(cache, want, 1) == ERR_OK);
	CHECK("back from disk",
		wait_for(kit, &consumer->crls, 1) && consumer->number == 6 && consumer->failures == 0);
	publish(kit, ca, 7);
	for (unsigned ms = 0; ms < 40; ms += 5) {
		revocation_refresh(cache);
		fkit_turns(kit, ms);
		revocation_cache_free(cache);
		cache = open_cache(kit, folder, consumer);
		CHECK("wanted", revocation_want_set(cache, want, 1) == ERR_OK);
	}
	for (unsigned i = 0; i < WEB_WAIT_MS / 5 && consumer->number != 7; i++) {
		fkit_turns(kit, 5);
		if (i % 20 == 0) {
			revocation_refresh(cache); /* while the folder was being read it was not heard */
		}
	}
	CHECK("the newest in the end", consumer->number == 7);
	revocation_cache_free(cache);
}

int main(void)
{
	static const char *const entries[] = {"127.0.0.0/8", NULL};
	const char *folder = test_path(test_folder(), "revocation");
	struct consumer consumer = {0}; /* jobs that come back when the pool stops give back its snapshots */
	struct fkit kit;

	pki_init();
	struct pki ca = pki_root("Plant CA");

	fkit_open(&kit, entries, NULL);
	const struct revocation_want want = {fkit_url(&kit, "http://%H/file"), false};

	test_first_life(&kit, &ca, folder, &want);
	test_later_lives(&kit, &ca, folder, &want, &consumer);
	fkit_close(&kit);
	CHECK("snapshots are given back", consumer.snapshots == consumer.released);
	pki_free(&ca);
	return test_result();
}
