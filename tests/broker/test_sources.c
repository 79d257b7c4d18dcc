/*
 * test_sources.c - Goal: what was fetched for a channel stays in force when the cache holds it no longer, and when another
 * configuration is only proposed, and whatever else comes; it goes with the sources that it came from. Who cannot be asked
 * about is busy.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/control/sources_private.h"
#include "cache_kit.h"

#define NAMES_ONE "REVINFO(ONE) CRLFETCH(LISTED)"
#define NAMES_TWO "REVINFO(TWO) CRLFETCH(LISTED)"

static void on_over(struct mqsc_script *script, void *ctx)
{
	struct mqsc_summary summary;

	mqsc_script_summary(script, &summary);
	*(bool *)ctx = mqsc_summary_exit_code(&summary) == 0;
}

static void on_changed(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	(void)ctx;
	(void)class;
	(void)before;
	(void)after;
}

static void run(struct catalog *catalog, const char *text)
{
	struct mqsc_host host = {.changed = on_changed};
	struct mqsc_options options = {.source = "test", .clock = clock_system()};
	struct buf report = BUF_INIT(64u * 1024u);
	struct mqsc_script *script = NULL;
	bool good = false;

	REQUIRE("script", mqsc_script_start(catalog, &host, &options, bytes_text(text), &report, on_over,
				  &good, &script) == ERR_OK);
	mqsc_script_free(script);
	if (!good) {
		(void)fwrite(report.data, 1, report.len, stderr);
	}
	REQUIRE(text, good);
	buf_release(&report);
}

static struct catalog *catalog_of(const char *channel)
{
	struct catalog *catalog = NULL;
	char text[512];

	REQUIRE("catalog", catalog_new(&catalog) == ERR_OK);
	run(catalog, "DEFINE AUTHINFO(ONE) AUTHTYPE(CRLURL) CRLURL('http://one.example/a.crl')");
	run(catalog, "DEFINE AUTHINFO(TWO) AUTHTYPE(CRLURL) CRLURL('http://two.example/a.crl')");
	(void)snprintf(text, sizeof(text), "DEFINE CHANNEL(C) CHLTYPE(MQTT) PORT(1883) %s", channel);
	run(catalog, text);
	return catalog;
}

/* A channel for which a list was fetched, and a cache that holds nothing. */
struct scene {
	struct ckit kit;
	struct control *control;
	struct sources sources;
	struct channel channel;
	const struct crl *fetched;
};

/* The proposal's view of the channel: whether it has the list. */
static bool has_list(struct scene *scene, const struct catalog *catalog, const struct crl *crl)
{
	/* What is weighed in the catalog is for good no more than another catalog. */
	struct proposal source = {.catalog = catalog,
		.for_good = catalog == scene->control->catalog && scene->control->settled == NULL};
	struct sources_view view;
	bool has = false;

	sources_view(scene->control, &source, &scene->channel, catalog_find(catalog, OBJECT_CHANNEL, "C"),
		scene->channel.material.crls, &view);
	for (size_t i = 0; view.crls != NULL && i < crl_set_count(view.crls); i++) {
		has = has || memcmp(crl_sha256(crl_set_at(view.crls, i)), crl_sha256(crl), SHA256_BYTES) == 0;
	}
	crl_set_unref(view.crls);
	return has;
}

static bool has_fetched(struct scene *scene, const struct catalog *catalog)
{
	return has_list(scene, catalog, scene->fetched);
}

static void scene_open(struct scene *scene, const struct crl *fetched)
{
	*scene = (struct scene){.fetched = fetched};
	ckit_open(&scene->kit, NULL, false, NULL);
	scene->control = calloc(1, sizeof(*scene->control));
	REQUIRE("control", scene->control != NULL);
	scene->control->catalog = catalog_of(NAMES_ONE);
	scene->control->clock = clock_from_fake(&scene->kit.clock);
	scene->control->sources = &scene->sources;
	scene->sources.control = scene->control;
	scene->sources.cache = scene->kit.cache;
	CHECK("nothing was fetched yet", !has_fetched(scene, scene->control->catalog));
	REQUIRE("joined", crl_set_new(&fetched, 1, control_next_generation(scene->control),
				  &scene->channel.lists.joined) == ERR_OK);
	CHECK("it is in force", has_fetched(scene, scene->control->catalog));
}

static void scene_close(struct scene *scene)
{
	channel_lists_release(&scene->channel.lists);
	catalog_free(scene->control->catalog);
	free(scene->control);
	ckit_close(&scene->kit);
}

static void test_stays(const struct crl *fetched, const struct crl *of_file)
{
	struct scene scene;

	scene_open(&scene, fetched);
	scene.channel.lists.stale = true;
	CHECK("the cache holds it no longer", has_fetched(&scene, scene.control->catalog));
	for (unsigned i = 0; i < 8; i++) {
		crl_set_unref(scene.channel.material.crls);
		scene.channel.material.crls = NULL;
		REQUIRE("CRLFILE", crl_set_new(&of_file, 1, control_next_generation(scene.control),
					   &scene.channel.material.crls) == ERR_OK);
		CHECK("CRLFILE has another issuer's", has_fetched(&scene, scene.control->catalog));
		CHECK("nothing piles up", crl_set_count(scene.channel.lists.joined) == 2);
	}
	run(scene.control->catalog, "ALTER CHANNEL(C) CHLTYPE(MQTT) DESCR('other')");
	CHECK("something else was changed", has_fetched(&scene, scene.control->catalog));
	struct crl_set *gone = scene.channel.material.crls;

	scene.channel.control = scene.control;
	scene.channel.material.crls = NULL;
	channel_let_go(&scene.channel, gone, hold_count(gone));
	CHECK("a list of CRLFILE was let go: not what was fetched",
		has_fetched(&scene, scene.control->catalog));
	CHECK("a list of CRLFILE was let go: it is gone here, too",
		crl_set_count(scene.channel.lists.joined) == 1 &&
			!crl_set_has(scene.channel.lists.joined, of_file));
	crl_set_unref(gone);
	run(scene.control->catalog, "ALTER CHANNEL(C) CHLTYPE(MQTT) REVINFO(TWO)");
	CHECK("other sources: it goes", !has_fetched(&scene, scene.control->catalog));
	crl_set_unref(scene.channel.material.crls);
	scene_close(&scene);
}

static void test_refused(const struct crl *fetched)
{
	struct catalog *other = catalog_of(NAMES_TWO), *none = catalog_of("");
	struct scene scene;

	scene_open(&scene, fetched);
	CHECK("SIGHUP with another source: it would go", !has_fetched(&scene, other));
	CHECK("SIGHUP without sources: it would go", !has_fetched(&scene, none));
	CHECK("both were refused: it is in force", has_fetched(&scene, scene.control->catalog));
	scene.control->settled = catalog_of(NAMES_ONE);
	run(scene.control->catalog, "ALTER CHANNEL(C) CHLTYPE(MQTT) REVINFO(TWO)");
	CHECK("ALTER to another source: it would go", !has_fetched(&scene, scene.control->catalog));
	run(scene.control->catalog, "ALTER CHANNEL(C) CHLTYPE(MQTT) REVINFO(ONE)");
	catalog_free(scene.control->settled);
	scene.control->settled = NULL;
	CHECK("ALTER was taken back: it is in force", has_fetched(&scene, scene.control->catalog));
	scene_close(&scene);
	catalog_free(other);
	catalog_free(none);
}

/* A list of issuer; with a base number one that says what changed since. */
static void made(
	const struct pki *issuer, uint64_t number, int base, const struct cert *revoked, struct buf *der)
{
	uint8_t value[] = {0x02, 0x01, (uint8_t)base};
	struct x509_make_extension indicator = {"2.5.29.27", true, bytes_of(value, sizeof(value))};
	struct x509_make_revoked entry = {.when = PKI_NOW, .reason = -1};

	if (revoked != NULL) {
		entry.serial = cert_serial(revoked);
	}
	der->len = 0;
	REQUIRE("a list is made",
		x509_make_crl_extended(issuer->cert, secret_bytes(&issuer->key), PKI_NOW - PKI_DAY,
			PKI_NOW + PKI_DAY, number, &entry, revoked == NULL ? 0 : 1, &indicator,
			base < 0 ? 0 : 1, der) == ERR_OK);
}

static struct crl *read_list(const struct buf *der)
{
	struct crl *crl = NULL;

	REQUIRE("a list is read", crl_parse(buf_bytes(der), &crl, NULL) == ERR_OK);
	return crl;
}

/* From an address that may be anybody's: whatever comes, and however often, what was verified once stays. */
static void test_others(const struct crl *fetched, const struct pki *ca, const struct pki *second)
{
	struct pki device = pki_leaf(ca, "device"), fake = pki_root("CA");
	struct trust_set *trust = pki_trust(ca->cert, NULL);
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	struct revocation_want want = {"http://one.example/a.crl", true};

	made(ca, 6, 1, device.cert, &der);
	struct crl *delta = read_list(&der);
	struct crl_set *real = pki_crls(fetched, delta);

	CHECK("the delta revokes",
		pki_judge(trust, real, X509_REVOCATION_REQUIRED, device.cert, NULL, NULL).reason ==
			X509_REVOKED);
	for (unsigned foreign = 0; foreign < 2; foreign++) {
		struct scene scene;

		scene_open(&scene, fetched);
		crl_set_unref(scene.channel.lists.joined);
		scene.channel.lists.joined = crl_set_ref(real);
		REQUIRE("wanted", revocation_want_set(scene.kit.cache, &want, 1) == ERR_OK);
		for (unsigned i = 0; i < 10; i++) {
			revocation_refresh(scene.kit.cache);
			ckit_advance(&scene.kit, 20);
			made(foreign == 1 ? second : &fake, 100 + i, foreign == 1 ? -1 : 1, NULL, &der);
			ckit_answer(&scene.kit, buf_bytes(&der), "");
			struct crl *came = read_list(&der);

			scene.channel.lists.stale = true;
			CHECK("it is in force, for whoever signed it",
				has_list(&scene, scene.control->catalog, came));
			CHECK("RFC 5280 6.3.3 the delta stays",
				has_list(&scene, scene.control->catalog, delta));
			CHECK("the complete list stays", has_fetched(&scene, scene.control->catalog));
			CHECK("nothing piles up", crl_set_count(scene.channel.lists.joined) <= 8);
			crl_unref(came);
		}
		scene_close(&scene);
	}
	crl_set_unref(real);
	crl_unref(delta);
	buf_release(&der);
	trust_set_unref(trust);
	pki_free(&fake);
	pki_free(&device);
}

/* RFC 5280 5.2.4: a delta that builds on a later complete list than the one that is held. */
static void test_behind(const struct crl *fetched, const struct pki *ca)
{
	static const struct {
		const char *name, *url;
		int base;
		bool renewed;
	} rows[] = {
		{"it builds on the one that is held", "http://d.example/d.crl", 5, false},
		{"it builds on a later one", "http://d.example/d.crl", 7, true},
		{"no delta", "http://d.example/d.crl", -1, false},
		{"from an address that is not the channel's", "http://e.example/d.crl", 7, false},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct revocation_want wants[] = {{"http://one.example/a.crl", true}};
		struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
		struct scene scene;

		scene_open(&scene, fetched);
		list_init(&scene.control->channels);
		scene.channel.control = scene.control;
		memcpy(scene.channel.name, "C", 2);
		list_push_back(&scene.control->channels, &scene.channel.node);
		scene.control->publishing = true; /* the next one waits */
		CHECK(rows[i].name,
			sources_add_cdp(&scene.sources, &scene.channel, "http://d.example/d.crl"));
		REQUIRE("wanted", revocation_want_set(scene.kit.cache, wants, 1) == ERR_OK);
		ckit_advance(&scene.kit, 20);
		made(ca, 5, -1, NULL, &der);
		ckit_answer(&scene.kit, buf_bytes(&der), "");
		ckit_advance(&scene.kit, 20);
		CHECK("its time has not come", scene.kit.asked_count == 1);
		made(ca, 8, rows[i].base, NULL, &der);
		struct crl *came = read_list(&der);

		sources_on_crl(&scene.sources, rows[i].url, came);
		ckit_advance(&scene.kit, 20);
		CHECK(rows[i].name, scene.kit.asked_count == (rows[i].renewed ? 2 : 1));
		crl_unref(came);
		buf_release(&der);
		scene_close(&scene);
	}
}

/* Asks for the status of device. */
static void ask(struct scene *scene, struct park *park, const struct pki *ca, const struct pki *device)
{
	struct ocsp_watch_facts facts = {device->cert, ca->cert, "http://ocsp.example/", true, false};

	*park = (struct park){.shared = scene->control->shared, .channel = "C", .need_count = 1};
	park->needs[0] = (struct park_need){.kind = X509_NEED_OCSP, .park = park};
	REQUIRE("watch", ocsp_watch_new(&facts, &park->needs[0].watch) == ERR_OK);
}

/* No room is not the silence of a responder, which OCSPAUTH may let pass. */
static void test_busy(const struct crl *fetched, const struct pki *ca)
{
	struct pki device = pki_leaf(ca, "device");
	struct park parks[64];
	struct shared shared = {.net = NULL};
	struct scene scene;
	size_t count = 0;
	bool failed = true;

	scene_open(&scene, fetched);
	REQUIRE("net", net_new(&(struct net_options){.workers = 1}, &shared.net) == ERR_OK);
	scene.control->shared = &shared;
	scene.control->wheel = scene.kit.wheel;
	REQUIRE("asks", asks_open(&scene.sources) == ERR_OK);
	while (failed && count < ARRAY_COUNT(parks)) {
		struct park *park = &parks[count++];

		ask(&scene, park, ca, &device);
		test_alloc_fail_at((unsigned long)count);
		shared.park_desk.ask(shared.park_desk.ctx, park);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("asked, or busy", park->needs[0].over ? park->busy : !park->busy);
		CHECK("the first allocation: busy", count > 1 || (park->busy && !park->here));
		if (park->here) {
			shared.park_desk.cancel(shared.park_desk.ctx, park);
		}
	}
	CHECK("the allocations end", !failed && count > 1);
	CHECK("with memory it is asked", !parks[count - 1].busy);
	asks_close(&scene.sources);
	asks_free(&scene.sources);
	for (size_t i = 0; i < count; i++) {
		ocsp_watch_unref(parks[i].needs[0].watch);
	}
	net_free(shared.net);
	pki_free(&device);
	scene_close(&scene);
}

int main(void)
{
	pki_init();
	struct pki ca = pki_root("CA"), second = pki_root("Second CA");
	struct crl *fetched = pki_crl(&ca, 1, NULL, 0), *of_file = pki_crl(&second, 1, NULL, 0);

	test_stays(fetched, of_file);
	test_refused(fetched);
	test_others(fetched, &ca, &second);
	test_behind(fetched, &ca);
	test_busy(fetched, &ca);
	crl_unref(fetched);
	crl_unref(of_file);
	pki_free(&ca);
	pki_free(&second);
	return test_result();
}
