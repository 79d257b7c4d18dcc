/*
 * test_control_staple.c - Goal: which OCSP response our own certificate is served with, over time: asked for ahead, judged, kept through
 * failures until it runs out, never shown longer, taken back when it says "revoked".
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "broker/control/staple.h"
#include "tests/x509/pki.h"

#define AIA_URL   "http://o.test/a"
#define OTHER_URL "http://authinfo.test/"
#define HALF_MS   ((uint64_t)12 * 3600 * 1000) /* of what pki_ocsp() makes: 24 h, an hour of which is over */

/* --- a responder that answers when the test says so --- */

struct net_fake {
	unsigned asked, cancelled;
	bool refuse;
	fetch_done_fn done; /* NULL: nothing is under way */
	void *done_ctx;
	char url[256];
	bool well_formed; /* the last request: a POST about `leaf` */
	const struct cert *leaf, *issuer;
};

static enum err fake_start(void *ctx, const struct fetch_request *request, fetch_done_fn done, void *done_ctx,
	struct fetch **out, struct fetch_error *error)
{
	struct net_fake *fake = ctx;
	struct buf want = BUF_INIT(4096);

	if (fake->refuse) {
		*error = (struct fetch_error){FETCH_BUSY, "too many wait"};
		return ERR_LIMIT;
	}
	test_alloc_fail_at(0); /* what is made here is the test's own */
	CHECK("one at a time", fake->done == NULL);
	REQUIRE("a request",
		ocsp_request_make(fake->leaf, fake->issuer, HASH_SHA1, BYTES_NONE, &want) == ERR_OK);
	fake->well_formed = request->method == FETCH_POST && request->listed &&
			    strcmp(request->content_type, "application/ocsp-request") == 0 &&
			    request->bytes_max == TLS_STAPLE_BYTES_MAX && request->etag == NULL &&
			    bytes_equal(request->body, buf_bytes(&want));
	buf_release(&want);
	(void)snprintf(fake->url, sizeof(fake->url), "%s", request->url);
	fake->asked++;
	fake->done = done;
	fake->done_ctx = done_ctx;
	*out = (struct fetch *)(uintptr_t)fake; /* only ever given back */
	return ERR_OK;
}

static void fake_cancel(void *ctx, struct fetch *fetch)
{
	struct net_fake *fake = ctx;

	CHECK("what is cancelled was started", (void *)fetch == (void *)fake && fake->done != NULL);
	fake->cancelled++;
	fake->done = NULL;
}

/* body BYTES_NONE: the fetch failed. */
static void answer(struct net_fake *fake, struct bytes body)
{
	struct fetch_answer out = {.status = 200};
	fetch_done_fn done = fake->done;

	REQUIRE("somebody asked", done != NULL);
	assert(done != NULL);
	fake->done = NULL;
	if (body.len == 0) {
		out.error = (struct fetch_error){FETCH_TIMEOUT, "it took too long"};
	} else if (fetch_body_new(body, &out.body) != ERR_OK) {
		out.error = (struct fetch_error){FETCH_NO_MEMORY, "out of memory"};
	}
	done(fake->done_ctx, &out);
	fetch_body_unref(out.body);
}

/* --- the scene --- */

struct scene {
	struct pki root, other, server, bare; /* bare: its certificate names no responder */
	struct tls_context *context;
	struct clock_fake clock;
	struct wheel *wheel;
	struct net_fake fake;
	struct staples *staples;
};

static struct tls_context *context_of(const struct pki *server)
{
	struct bytes chain[] = {cert_der(server->cert)};
	struct tls_options options = {.key_pkcs8 = secret_bytes(&server->key),
		.chain = chain,
		.chain_count = 1,
		.client_auth = TLS_CLIENT_AUTH_REQUIRED,
		.staple = true};
	struct tls_context *context = NULL;
	struct net_error error = {0};

	REQUIRE("spec", tls_spec_find("", &options.spec, &error) == ERR_OK);
	REQUIRE("context", tls_context_new(&options, &context, &error) == ERR_OK);
	return context;
}

static void set(struct scene *scene, const struct pki *server, struct tls_context *context, const char *url)
{
	struct staple_subject subject = {context, server->cert, scene->root.cert, "server"};

	scene->fake.leaf = server->cert;
	scene->fake.issuer = scene->root.cert;
	REQUIRE("set", staples_set(scene->staples, "C", &subject, 1, url) == ERR_OK);
}

static void scene_open(struct scene *scene)
{
	/* AuthorityInfoAccess: SEQUENCE { SEQUENCE { id-ad-ocsp, [6] URL } } */
	static const uint8_t aia[] = {0x30, 27, 0x30, 25, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 0x86, 13};
	static const char url[] = AIA_URL;
	uint8_t value[64];
	struct x509_make_extension extension = {0};

	*scene = (struct scene){.clock = {.mono_ms = 1000000, .wall_ms = PKI_NOW * 1000}};
	memcpy(value, aia, sizeof(aia));
	value[1] = (uint8_t)(14 + strlen(AIA_URL));
	value[3] = (uint8_t)(12 + strlen(AIA_URL));
	value[15] = (uint8_t)strlen(AIA_URL);
	memcpy(value + sizeof(aia), url, sizeof(url) - 1);
	extension = (struct x509_make_extension){
		.oid = "1.3.6.1.5.5.7.1.1", .value = bytes_of(value, sizeof(aia) + strlen(AIA_URL))};
	scene->root = pki_root("root");
	scene->other = pki_root("other");
	scene->server = pki_make(&scene->root,
		&(struct x509_make){.path_length = -1,
			.server_auth = true,
			.extensions = &extension,
			.extension_count = 1},
		"server", NULL);
	scene->bare = pki_server(&scene->root, "bare", "b.example");
	scene->context = context_of(&scene->server);
	REQUIRE("wheel", wheel_new(scene->clock.mono_ms, &scene->wheel) == ERR_OK);
	struct staples_options options = {.wheel = scene->wheel,
		.clock = clock_from_fake(&scene->clock),
		.start = fake_start,
		.cancel = fake_cancel,
		.ctx = &scene->fake};

	REQUIRE("staples", staples_new(&options, &scene->staples) == ERR_OK);
}

static void scene_close(struct scene *scene)
{
	staples_free(scene->staples);
	tls_context_unref(scene->context);
	wheel_free(scene->wheel);
	pki_free(&scene->root);
	pki_free(&scene->other);
	pki_free(&scene->server);
	pki_free(&scene->bare);
}

static void pass(struct scene *scene, uint64_t ms)
{
	clock_fake_advance(&scene->clock, ms);
	(void)wheel_advance(scene->wheel, scene->clock.mono_ms);
}

/* Whether a client that asks now is shown exactly this; BYTES_NONE: nothing. */
static bool shows(const struct scene *scene, struct tls_context *context, struct bytes want)
{
	struct buf seen = BUF_INIT(TLS_STAPLE_BYTES_MAX);
	enum err err = tls_context_get_staple(context, scene->clock.wall_ms / 1000, &seen);
	bool good =
		want.len == 0 ? err == ERR_NOT_FOUND : err == ERR_OK && bytes_equal(buf_bytes(&seen), want);

	buf_release(&seen);
	return good;
}

static void make(const struct pki_ocsp *what, struct buf *out)
{
	out->len = 0;
	pki_ocsp_der(what, out);
}

/* --- tests --- */

static void test_good(void)
{
	struct scene scene;
	struct buf first = BUF_INIT(8192), second = BUF_INIT(8192);

	scene_open(&scene);
	make(&(struct pki_ocsp){.issuer = &scene.root, .cert = scene.server.cert}, &first);
	set(&scene, &scene.server, scene.context, OTHER_URL);
	CHECK("asked at once, of whom the certificate names",
		scene.fake.asked == 1 && strcmp(scene.fake.url, AIA_URL) == 0);
	CHECK("about the certificate, without a nonce", scene.fake.well_formed);
	CHECK("nothing before the answer", shows(&scene, scene.context, BYTES_NONE));
	answer(&scene.fake, buf_bytes(&first));
	CHECK("the response, as it is", shows(&scene, scene.context, buf_bytes(&first)));
	pass(&scene, HALF_MS - 3600 * 1000);
	CHECK("not before half of its time", scene.fake.asked == 1);
	pass(&scene, 3600 * 1000);
	CHECK("then again", scene.fake.asked == 2);
	make(&(struct pki_ocsp){.issuer = &scene.root,
		     .cert = scene.server.cert,
		     .this_update = scene.clock.wall_ms / 1000,
		     .produced_at = scene.clock.wall_ms / 1000,
		     .next_update = scene.clock.wall_ms / 1000 + PKI_DAY},
		&second);
	answer(&scene.fake, buf_bytes(&second));
	CHECK("the newer one", shows(&scene, scene.context, buf_bytes(&second)));
	pass(&scene, HALF_MS + 60000);
	CHECK("and again", scene.fake.asked == 3);
	make(&(struct pki_ocsp){.issuer = &scene.root,
		     .cert = scene.server.cert,
		     .this_update = scene.clock.wall_ms / 1000 - PKI_DAY,
		     .produced_at = scene.clock.wall_ms / 1000 - PKI_DAY,
		     .next_update = scene.clock.wall_ms / 1000 + 9 * PKI_DAY},
		&first);
	answer(&scene.fake, buf_bytes(&first));
	CHECK("an older one replaces nothing, however long it is good",
		shows(&scene, scene.context, buf_bytes(&second)));
	pass(&scene, 2 * HALF_MS);
	answer(&scene.fake, buf_bytes(&first));
	CHECK("but what has run out", shows(&scene, scene.context, buf_bytes(&first)));
	buf_release(&first);
	buf_release(&second);
	scene_close(&scene);
}

static void test_failures(void)
{
	static const uint64_t waits_s[] = {15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
	struct scene scene;
	struct buf good = BUF_INIT(8192);

	scene_open(&scene);
	make(&(struct pki_ocsp){.issuer = &scene.root, .cert = scene.server.cert}, &good);
	set(&scene, &scene.server, scene.context, NULL);
	answer(&scene.fake, buf_bytes(&good));
	pass(&scene, HALF_MS);
	for (size_t i = 0; i < ARRAY_COUNT(waits_s); i++) {
		unsigned asked = scene.fake.asked;

		answer(&scene.fake, BYTES_NONE);
		pass(&scene, waits_s[i] * 1000 - 100);
		CHECK("not before its time", scene.fake.asked == asked);
		pass(&scene, 200);
		CHECK("doubled, up to an hour", scene.fake.asked == asked + 1);
		CHECK("what there is stays", shows(&scene, scene.context, buf_bytes(&good)));
	}
	answer(&scene.fake, BYTES_NONE);
	scene.clock.wall_ms = (PKI_NOW + PKI_DAY) * 1000;
	CHECK("up to its end",
		shows(&scene, scene.context, buf_bytes(&good)) || shows(&scene, scene.context, BYTES_NONE));
	scene.clock.wall_ms = (PKI_NOW + PKI_DAY + 3600) * 1000;
	CHECK("never shown past its time", shows(&scene, scene.context, BYTES_NONE));
	scene.fake.refuse = true;
	pass(&scene, 3700 * 1000);
	scene.fake.refuse = false;
	unsigned asked = scene.fake.asked;
	pass(&scene, 3700 * 1000);
	CHECK("a refusal to start is a failure like others", scene.fake.asked == asked + 1);
	buf_release(&good);
	scene_close(&scene);
}

static void test_judged(void)
{
	struct scene scene;

	scene_open(&scene);
	struct pki stranger = pki_responder(&scene.other, "stranger", false);
	struct pki delegate = pki_responder(&scene.root, "delegate", false);
	const struct pki_ocsp good = {.issuer = &scene.root, .cert = scene.server.cert};
	const struct {
		const char *name;
		struct pki_ocsp make;
		bool want;
	} rows[] = {
		{"by the issuer", good, true},
		{"by a delegate", {.issuer = &scene.root, .cert = scene.server.cert, .signer = &delegate},
			true},
		{"by a stranger", {.issuer = &scene.root, .cert = scene.server.cert, .signer = &stranger},
			false},
		{"about another certificate", {.issuer = &scene.root, .cert = scene.bare.cert}, false},
		{"unknown", {.issuer = &scene.root, .cert = scene.server.cert, .status = OCSP_SAYS_UNKNOWN},
			false},
		{"revoked", {.issuer = &scene.root, .cert = scene.server.cert, .status = OCSP_SAYS_REVOKED},
			false},
		{"past its time",
			{.issuer = &scene.root,
				.cert = scene.server.cert,
				.this_update = PKI_NOW - 2 * PKI_DAY,
				.produced_at = PKI_NOW - 2 * PKI_DAY,
				.next_update = PKI_NOW - PKI_DAY},
			false},
		{"of the future",
			{.issuer = &scene.root,
				.cert = scene.server.cert,
				.this_update = PKI_NOW + PKI_DAY,
				.produced_at = PKI_NOW + PKI_DAY,
				.next_update = PKI_NOW + 2 * PKI_DAY},
			false},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct tls_context *context = context_of(&scene.server);
		struct buf der = BUF_INIT(8192);

		make(&rows[i].make, &der);
		staples_remove(scene.staples, "C");
		set(&scene, &scene.server, context, NULL);
		answer(&scene.fake, buf_bytes(&der));
		CHECK(rows[i].name, shows(&scene, context, rows[i].want ? buf_bytes(&der) : BYTES_NONE));
		der.data[der.len / 2] ^= 1;
		staples_remove(scene.staples, "C");
		REQUIRE("cleared", tls_context_set_staple(context, BYTES_NONE, 0) == ERR_OK);
		set(&scene, &scene.server, context, NULL);
		answer(&scene.fake, buf_bytes(&der));
		CHECK("altered", shows(&scene, context, BYTES_NONE));
		tls_context_unref(context);
		buf_release(&der);
	}
	pki_free(&stranger);
	pki_free(&delegate);
	scene_close(&scene);
}

static void test_revoked(void)
{
	struct scene scene;
	struct buf good = BUF_INIT(8192), bad = BUF_INIT(8192);

	scene_open(&scene);
	make(&(struct pki_ocsp){.issuer = &scene.root, .cert = scene.server.cert}, &good);
	make(
		&(struct pki_ocsp){
			.issuer = &scene.root, .cert = scene.server.cert, .status = OCSP_SAYS_REVOKED},
		&bad);
	set(&scene, &scene.server, scene.context, NULL);
	answer(&scene.fake, buf_bytes(&good));
	pass(&scene, HALF_MS);
	answer(&scene.fake, buf_bytes(&bad));
	CHECK("the earlier good one is taken back", shows(&scene, scene.context, BYTES_NONE));
	unsigned asked = scene.fake.asked;
	pass(&scene, STAPLE_RETRY_MAX_MS + 100);
	CHECK("it is looked at again", scene.fake.asked == asked + 1);
	buf_release(&good);
	buf_release(&bad);
	scene_close(&scene);
}

/* An operator who refreshes need not wait for half of the time. */
static void test_renewed(void)
{
	struct scene scene;
	struct buf first = BUF_INIT(8192), second = BUF_INIT(8192);

	scene_open(&scene);
	make(&(struct pki_ocsp){.issuer = &scene.root, .cert = scene.server.cert}, &first);
	set(&scene, &scene.server, scene.context, NULL);
	staples_renew(scene.staples);
	CHECK("one is under way: no second", scene.fake.asked == 1);
	answer(&scene.fake, buf_bytes(&first));
	pass(&scene, 1000);
	staples_renew(scene.staples);
	CHECK("asked now", scene.fake.asked == 2);
	CHECK("the present one is served meanwhile", shows(&scene, scene.context, buf_bytes(&first)));
	staples_renew(scene.staples);
	CHECK("once", scene.fake.asked == 2);
	make(&(struct pki_ocsp){.issuer = &scene.root,
		     .cert = scene.server.cert,
		     .this_update = scene.clock.wall_ms / 1000,
		     .produced_at = scene.clock.wall_ms / 1000,
		     .next_update = scene.clock.wall_ms / 1000 + PKI_DAY},
		&second);
	answer(&scene.fake, buf_bytes(&second));
	CHECK("then the newer one", shows(&scene, scene.context, buf_bytes(&second)));
	pass(&scene, HALF_MS - 60000);
	CHECK("half of the time runs anew: not before", scene.fake.asked == 2);
	pass(&scene, 2 * 60000);
	CHECK("but then", scene.fake.asked == 3);
	answer(&scene.fake, BYTES_NONE);
	staples_renew(scene.staples);
	CHECK("after a failure too", scene.fake.asked == 4);
	answer(&scene.fake, BYTES_NONE);
	CHECK("which takes nothing away", shows(&scene, scene.context, buf_bytes(&second)));
	staples_remove(scene.staples, "C");
	staples_renew(scene.staples);
	CHECK("nothing of a channel that has stopped", scene.fake.asked == 4);
	buf_release(&first);
	buf_release(&second);
	scene_close(&scene);
}

static void test_changes(void)
{
	struct scene scene;
	struct buf good = BUF_INIT(8192);

	scene_open(&scene);
	struct tls_context *fresh = context_of(&scene.server), *bare = context_of(&scene.bare);

	make(&(struct pki_ocsp){.issuer = &scene.root, .cert = scene.server.cert}, &good);
	set(&scene, &scene.server, scene.context, NULL);
	answer(&scene.fake, buf_bytes(&good));
	unsigned asked = scene.fake.asked;
	set(&scene, &scene.server, fresh, NULL);
	CHECK("a new context of the same certificate has it at once", shows(&scene, fresh, buf_bytes(&good)));
	CHECK("without asking", scene.fake.asked == asked);
	pass(&scene, HALF_MS);
	CHECK("until its time", scene.fake.asked == asked + 1);
	set(&scene, &scene.bare, bare, OTHER_URL);
	CHECK("what was under way is cancelled", scene.fake.cancelled == 1);
	CHECK("another certificate has nothing", shows(&scene, bare, BYTES_NONE));
	CHECK("it names no responder: REVINFO's",
		strcmp(scene.fake.url, OTHER_URL) == 0 && scene.fake.well_formed);
	staples_remove(scene.staples, "D");
	CHECK("another channel", scene.fake.cancelled == 1);
	staples_remove(scene.staples, "C");
	CHECK("the channel is stopped", scene.fake.cancelled == 2);
	asked = scene.fake.asked;
	pass(&scene, 10 * HALF_MS);
	CHECK("and nobody asks any more", scene.fake.asked == asked);
	set(&scene, &scene.bare, bare, NULL);
	CHECK("no responder at all", scene.fake.asked == asked);
	struct staple_subject orphan = {fresh, scene.server.cert, NULL, "server"};
	REQUIRE("set", staples_set(scene.staples, "C", &orphan, 1, NULL) == ERR_OK);
	CHECK("no issuer to judge by", scene.fake.asked == asked);
	set(&scene, &scene.server, fresh, NULL);
	CHECK("under way at the end", scene.fake.asked == asked + 1);
	scene_close(&scene); /* cancels it */
	CHECK("cancelled at the end", scene.fake.cancelled == 3);
	tls_context_unref(fresh);
	tls_context_unref(bare);
	buf_release(&good);
}

static void test_nth_allocation(void)
{
	bool failed = true;

	for (unsigned long n = 1; failed && n < 500; n++) {
		struct scene scene;
		struct buf good = BUF_INIT(8192);

		scene_open(&scene);
		make(&(struct pki_ocsp){.issuer = &scene.root, .cert = scene.server.cert}, &good);
		struct staple_subject subject = {scene.context, scene.server.cert, scene.root.cert, "server"};

		scene.fake.leaf = scene.server.cert;
		scene.fake.issuer = scene.root.cert;
		set(&scene, &scene.server, scene.context, NULL);
		test_alloc_fail_at(n);
		answer(&scene.fake, buf_bytes(&good));
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		bool served = shows(&scene, scene.context, buf_bytes(&good));

		CHECK("Nth allocation: the response or none",
			served || shows(&scene, scene.context, BYTES_NONE));
		CHECK("Nth allocation: without failure it is there", failed || served);
		test_alloc_fail_at(1 + n % 4);
		enum err err = staples_set(scene.staples, "C", &subject, 1, NULL);
		test_alloc_fail_at(0);
		CHECK("Nth allocation: set or as it was", err == ERR_OK || err == ERR_NOMEM);
		CHECK("Nth allocation: what is shown stays",
			shows(&scene, scene.context, buf_bytes(&good)) == served);
		buf_release(&good);
		scene_close(&scene);
	}
	CHECK("it ends", !failed);
}

int main(void)
{
	pki_init();
	test_good();
	test_failures();
	test_judged();
	test_revoked();
	test_renewed();
	test_changes();
	test_nth_allocation();
	return test_result();
}
