/*
 * Goal: a fetch ends in time, within its bounds, at an address that is allowed, and tells each who waits exactly once.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/crypto.h"
#include "fetch_kit.h"
#include "tests/test.h"

static const char *const loopback[] = {"127.0.0.0/8", NULL};

/* --- what servers say --- */

static const struct {
	const char *path;
	enum fetch_fault want;
	unsigned status;
	const char *body;
} answers[] = {
	{"/ok", FETCH_OK, 200, "hello"},
	{"/close", FETCH_OK, 200, "until the end"},
	{"/chunked", FETCH_OK, 200, "abcde"},
	{"/identity", FETCH_OK, 200, "hello"},
	{"/long", FETCH_OK, 200, "hello"},
	{"/interim", FETCH_OK, 200, "hello"},
	{"/chunked-cut", FETCH_CUT, 200, ""},
	{"/chunked-bad", FETCH_CUT, 200, ""},
	{"/short", FETCH_CUT, 200, ""},
	{"/reset", FETCH_CUT, 200, ""},
	{"/early-cut", FETCH_CUT, 0, ""},
	{"/declared", FETCH_TOO_BIG, 200, ""},
	{"/endless", FETCH_TOO_BIG, 200, ""},
	{"/endless-chunked", FETCH_TOO_BIG, 200, ""},
	{"/endless-headers", FETCH_HEADERS, 200, ""},
	{"/big-error", FETCH_TOO_BIG, 404, ""},
	{"/gzip", FETCH_ENCODING, 200, ""},
	{"/te-gzip", FETCH_ENCODING, 200, ""},
	{"/garbage", FETCH_PROTOCOL, 0, ""},
	{"/http09", FETCH_PROTOCOL, 0, ""},
	{"/empty", FETCH_EMPTY, 200, ""},
	{"/status/404", FETCH_STATUS, 404, ""},
	{"/status/500", FETCH_STATUS, 500, ""},
	{"/status/401", FETCH_STATUS, 401, ""},
	{"/status/206", FETCH_STATUS, 206, ""},
	{"/status/201", FETCH_STATUS, 201, ""},
	{"/status/304", FETCH_STATUS, 304, ""},
	{"/status/300", FETCH_STATUS, 300, ""},
	{"/nowhere", FETCH_STATUS, 302, ""},
	{"/loop", FETCH_REDIRECTS, 302, ""},
};

static void test_answers(void)
{
	struct fkit kit;
	struct fetcher_counters counters;

	fkit_open(&kit, loopback, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		char url[128];
		struct seen seen;

		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", web_port(kit.web), answers[i].path);
		struct fetch_request request = {.url = url, .bytes_max = 20000};

		CHECK(answers[i].path, fkit_get(&kit, &request, &seen) == ERR_OK);
		if (seen.error.fault != answers[i].want) {
			(void)printf("%s: %s: %s\n", answers[i].path, fetch_fault_name(seen.error.fault),
				seen.error.sentence);
		}
		CHECK(answers[i].path, seen.error.fault == answers[i].want);
		CHECK(answers[i].path, seen.status == answers[i].status);
		CHECK(answers[i].path, strcmp(seen.body, answers[i].body) == 0);
		CHECK(answers[i].path, (seen.error.sentence[0] == '\0') == (answers[i].want == FETCH_OK));
	}
	fetcher_counters(kit.fetcher, &counters);
	CHECK("all were started", counters.started == ARRAY_COUNT(answers));
	CHECK("none is left", counters.running == 0 && counters.queued == 0 && counters.waiting == 0);
	CHECK("each ended in one way",
		counters.finished + counters.failed + counters.refused == ARRAY_COUNT(answers));
	fkit_close(&kit);
}

static void test_sizes(void)
{
	static const struct {
		const char *name;
		size_t bytes_max;
		enum fetch_fault want;
	} rows[] = {
		{"a body of max", 5, FETCH_OK},
		{"a body of max + 1", 4, FETCH_TOO_BIG},
		{"of a length that is not told, max", 13, FETCH_OK},
		{"of a length that is not told, max + 1", 12, FETCH_TOO_BIG},
	};
	struct fkit kit;
	struct seen seen;

	fkit_open(&kit, loopback, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct fetch_request request = {
			.url = fkit_url(&kit, i < 2 ? "http://%H/ok" : "http://%H/close"),
			.bytes_max = rows[i].bytes_max,
		};

		CHECK(rows[i].name, fkit_get(&kit, &request, &seen) == ERR_OK);
		CHECK(rows[i].name, seen.error.fault == rows[i].want);
	}
	struct fetch_request huge = {
		.url = "http://127.0.0.1/", .bytes_max = (size_t)FETCH_BODY_BYTES_MAX + 1};
	struct fetch_request slow = {.url = "http://127.0.0.1/", .total_ms = FETCH_TOTAL_MS_MAX + 1};
	uint8_t *body = calloc(1, FETCH_REQUEST_BYTES_MAX + 1);
	struct fetch_request wordy = {.url = "http://127.0.0.1/",
		.method = FETCH_POST,
		.body = {body, FETCH_REQUEST_BYTES_MAX + 1}};

	CHECK("asks for too much", fkit_get(&kit, &huge, &seen) == ERR_LIMIT);
	CHECK("asks for too long", fkit_get(&kit, &slow, &seen) == ERR_LIMIT);
	CHECK("asks too much", fkit_get(&kit, &wordy, &seen) == ERR_LIMIT);
	free(body);
	fkit_close(&kit);
}

/* --- time --- */

static void test_slowness(void)
{
	static const char *const paths[] = {
		"http://%H/slow", "http://%H/slow-headers", "http://%H/slow-body"};
	struct fkit kit;
	struct seen seen;

	fkit_open(&kit, loopback, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		struct fetch_request request = {.url = fkit_url(&kit, paths[i]), .total_ms = 150};

		CHECK(paths[i], fkit_get(&kit, &request, &seen) == ERR_OK);
		CHECK(paths[i], seen.error.fault == FETCH_TIMEOUT);
	}
	/* The limit is on all hops together: each of these is quick, the last is not. */
	struct fetch_request hops = {
		.url = fkit_url(&kit, "http://%H/r/302?http://%H/r/302?http://%H/slow"), .total_ms = 200};

	CHECK("time over all hops", fkit_get(&kit, &hops, &seen) == ERR_OK);
	CHECK("time over all hops", seen.error.fault == FETCH_TIMEOUT && seen.hops == 2);
	fkit_close(&kit);
}

static int64_t wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A name server that does not answer costs the transfer its time, and the loop nothing. */
static void test_hanging_names(void)
{
	struct fkit kit;
	struct seen slow = {0};
	struct seen seen;

	names_set("hang.test", "hang");
	fkit_open(&kit, loopback, NULL);
	struct fetch_request request = {.url = "http://hang.test/", .total_ms = 300};
	struct fetch_request other = {.url = fkit_url(&kit, "http://%H/ok")};

	CHECK("started", fetch_start(kit.fetcher, &request, seen_done, &slow, NULL, NULL) == ERR_OK);
	CHECK("another one goes on", fkit_get(&kit, &other, &seen) == ERR_OK);
	CHECK("another one goes on", seen.error.fault == FETCH_OK);
	int64_t before = wall_ms();

	CHECK("it ends", fkit_wait(&kit, &slow));
	CHECK("in its time", slow.error.fault == FETCH_TIMEOUT);
	CHECK("without waiting for the name server", wall_ms() - before < 5000);
	CHECK("which still thinks", names_hanging() == 1);
	/* Taking the fetcher apart does not wait either. */
	struct seen never = {0};

	CHECK("started", fetch_start(kit.fetcher, &request, seen_done, &never, NULL, NULL) == ERR_OK);
	while (names_hanging() < 2) {
		fkit_turns(&kit, 5);
	}
	before = wall_ms();
	fetcher_free(kit.fetcher);
	kit.fetcher = NULL;
	CHECK("free does not wait", wall_ms() - before < 5000);
	CHECK("who waited is not called", never.calls == 0);
	names_release();
	fkit_close(&kit);
}

/* --- addresses --- */

static const struct {
	const char *name, *url;
	bool listed;
	enum fetch_fault want; /* refused at once: the name is not looked up */
} literals[] = {
	{"loopback", "http://127.0.0.1:%P/ok", false, FETCH_LOOPBACK},
	{"loopback, named by the operator", "http://127.0.0.1:%P/ok", true, FETCH_OK},
	{"another of its addresses", "http://127.9.9.9/", false, FETCH_LOOPBACK},
	{"in decimal", "http://2130706433/", false, FETCH_LOOPBACK},
	{"in hexadecimal", "http://0x7f000001/", false, FETCH_LOOPBACK},
	{"in octal", "http://017700000001/", false, FETCH_LOOPBACK},
	{"shortened", "http://127.1/", false, FETCH_LOOPBACK},
	{"with a last dot", "http://127.0.0.1./", false, FETCH_LOOPBACK},
	{"RFC 4291 loopback", "http://[::1]/", false, FETCH_LOOPBACK},
	{"RFC 4291 mapped", "http://[::ffff:127.0.0.1]/", false, FETCH_LOOPBACK},
	{"RFC 6052 NAT64", "http://[64:ff9b::7f00:1]/", false, FETCH_LOOPBACK},
	{"RFC 3056 6to4", "http://[2002:7f00:1::]/", false, FETCH_LOOPBACK},
	{"none", "http://0.0.0.0:%P/ok", false, FETCH_UNSPECIFIED},
	{"none, named by the operator", "http://0.0.0.0:%P/ok", true, FETCH_UNSPECIFIED},
	{"metadata service", "http://169.254.169.254/latest", false, FETCH_LINK_LOCAL},
	{"RFC 1918", "http://192.168.0.1/", false, FETCH_PRIVATE},
	{"RFC 4193", "http://[fd00::1]/", false, FETCH_PRIVATE},
	{"multicast", "http://224.0.0.1/", false, FETCH_MULTICAST},
	{"scheme", "ftp://8.8.8.8/", false, FETCH_SCHEME},
	{"https without trust", "https://8.8.8.8/", false, FETCH_NO_CAFILE},
	{"https without trust, named by the operator", "https://127.0.0.1/", true, FETCH_NO_CAFILE},
};

static void test_literals(void)
{
	struct fkit kit;
	struct seen seen;

	fkit_open(&kit, NULL, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(literals); i++) {
		struct fetch_request request = {
			.url = fkit_url(&kit, literals[i].url), .listed = literals[i].listed};
		enum err err = fkit_get(&kit, &request, &seen);

		CHECK(literals[i].name, (err == ERR_OK) == (literals[i].want == FETCH_OK));
		CHECK(literals[i].name, seen.error.fault == literals[i].want);
	}
	CHECK("only what was allowed was asked", web_hits(kit.web) == 1);
	fkit_close(&kit);
}

static const struct {
	const char *name, *url;
	bool listed;
	enum fetch_fault want;
	unsigned hops;
} names[] = {
	{"a name of loopback", "http://localhost:%P/ok", false, FETCH_LOOPBACK, 0},
	{"a name below it", "http://a.localhost:%P/ok", false, FETCH_LOOPBACK, 0},
	{"a name with a private address", "http://private.test/", false, FETCH_PRIVATE, 0},
	{"a listed name", "http://listed.test:%P/ok", false, FETCH_OK, 0},
	{"a listed name in capitals, with its dot", "http://LISTED.Test.:%P/ok", false, FETCH_OK, 0},
	{"a name with an address that is not listed", "http://one.test:%P/ok", false, FETCH_LOOPBACK, 0},
	{"a name with a listed address", "http://two.test:%P/ok", false, FETCH_OK, 0},
	{"one of its addresses is listed", "http://mixed.test:%P/ok", false, FETCH_OK, 0},
	{"and what fails there is told, not the refusal", "http://mixed.test:%P/short", false, FETCH_CUT, 0},
	{"none of its addresses is", "http://both.test:%P/ok", false, FETCH_LOOPBACK, 0},
	{"no such name", "http://nobody.test/", false, FETCH_RESOLVE, 0},
	{"named by the operator", "http://one.test:%P/ok", true, FETCH_OK, 0},
	{"a metadata service by name", "http://meta.test/", false, FETCH_LINK_LOCAL, 0},
	{"mapped behind a name", "http://mapped.test:%P/ok", false, FETCH_LOOPBACK, 0},
	/* Redirects: the rule is applied to each hop. */
	{"to itself", "http://127.0.0.2:%P/r/302?/ok", false, FETCH_OK, 1},
	{"three of them", "http://127.0.0.2:%P/r/301?/r/303?/r/307?/ok", false, FETCH_OK, 3},
	{"four of them", "http://127.0.0.2:%P/r/301?/r/303?/r/307?/r/308?/ok", false, FETCH_REDIRECTS, 3},
	{"to a listed name", "http://127.0.0.2:%P/r/302?http://listed.test:%P/ok", false, FETCH_OK, 1},
	{"to loopback", "http://127.0.0.2:%P/r/302?http://127.0.0.1:%P/ok", false, FETCH_LOOPBACK, 1},
	{"to a name of loopback", "http://127.0.0.2:%P/r/302?http://localhost:%P/ok", false, FETCH_LOOPBACK,
		1},
	{"to a private name", "http://127.0.0.2:%P/r/302?http://private.test/", false, FETCH_PRIVATE, 1},
	{"to the metadata service", "http://127.0.0.2:%P/r/302?http://169.254.169.254/", false,
		FETCH_LINK_LOCAL, 1},
	{"what the operator named leads elsewhere", "http://one.test:%P/r/302?http://127.0.0.1:%P/ok", true,
		FETCH_LOOPBACK, 1},
	{"or to another port", "http://one.test:%P/r/302?http://one.test:1/ok", true, FETCH_LOOPBACK, 1},
	{"or comes back", "http://one.test:%P/r/302?http://listed.test:%P/r/302?http://one.test:%P/ok", true,
		FETCH_OK, 2},
	{"to a file", "http://127.0.0.2:%P/r/302?file:///etc/passwd", false, FETCH_SCHEME, 0},
	{"to gopher", "http://127.0.0.2:%P/r/302?gopher://127.0.0.2:%P/ok", false, FETCH_SCHEME, 0},
	{"with a user name", "http://127.0.0.2:%P/r/302?http://a:b@127.0.0.2:%P/ok", false, FETCH_URL, 0},
	{"to https without trust", "http://127.0.0.2:%P/r/302?https://127.0.0.2:%P/ok", false,
		FETCH_NO_CAFILE, 1},
	/* The name server changes its mind between two hops: what counts is where the socket goes. */
	{"rebound", "http://rebind.test:%P/r/302?http://rebind.test:%P/ok", false, FETCH_LOOPBACK, 1},
};

static void test_names(void)
{
	static const char *const entries[] = {"127.0.0.2", "listed.test", NULL};
	struct fkit kit;
	struct seen seen;

	names_set("private.test", "10.1.2.3");
	names_set("listed.test", "127.0.0.1");
	names_set("one.test", "127.0.0.1");
	names_set("two.test", "127.0.0.2");
	names_set("mixed.test", "127.0.0.1,127.0.0.2");
	names_set("both.test", "127.0.0.1,127.0.0.3");
	names_set("meta.test", "169.254.169.254");
	names_set("mapped.test", "::ffff:127.0.0.1");
	names_set("rebind.test", "127.0.0.2;127.0.0.1");
	fkit_open(&kit, entries, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct fetch_request request = {
			.url = fkit_url(&kit, names[i].url), .listed = names[i].listed};

		CHECK(names[i].name, fkit_get(&kit, &request, &seen) == ERR_OK);
		if (seen.error.fault != names[i].want) {
			(void)printf("%s: %s: %s\n", names[i].name, fetch_fault_name(seen.error.fault),
				seen.error.sentence);
		}
		CHECK(names[i].name, seen.error.fault == names[i].want);
		CHECK(names[i].name, seen.hops == names[i].hops);
	}
	fkit_close(&kit);
}

/* A list that changes is in force for the next hop. */
static void test_list_changes(void)
{
	struct fkit kit;
	struct seen seen;

	fkit_open(&kit, loopback, NULL);
	struct fetch_request request = {.url = fkit_url(&kit, "http://%H/ok")};

	CHECK("before", fkit_get(&kit, &request, &seen) == ERR_OK && seen.error.fault == FETCH_OK);
	fetcher_set_list(kit.fetcher, NULL);
	CHECK("after", fkit_get(&kit, &request, &seen) == ERR_DENIED && seen.error.fault == FETCH_LOOPBACK);
	fkit_close(&kit);
}

/* --- requests --- */

static void test_requests(void)
{
	struct fkit kit;
	struct seen seen;

	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("HTTP_PROXY", "http://127.0.0.1:1", 1);
	(void)setenv("all_proxy", "http://127.0.0.1:1", 1);
	fkit_open(&kit, loopback, NULL);
	struct fetch_request cookie = {.url = fkit_url(&kit, "http://%H/cookie")};
	struct fetch_request get = {.url = fkit_url(&kit, "http://%H/ok"), .accept = "application/pkix-crl"};

	CHECK("no proxy of the environment", fkit_get(&kit, &cookie, &seen) == ERR_OK);
	CHECK("no proxy of the environment", seen.error.fault == FETCH_OK);
	CHECK("GET", fkit_get(&kit, &get, &seen) == ERR_OK && seen.error.fault == FETCH_OK);
	const char *head = web_last(kit.web);

	CHECK("GET", strncmp(head, "GET /ok HTTP/1.1\r\n", 18) == 0);
	CHECK("it says who asks", strstr(head, "\r\nUser-Agent: lockgate\r\n") != NULL);
	CHECK("and what for", strstr(head, "\r\nAccept: application/pkix-crl\r\n") != NULL);
	CHECK("keeps no cookie", strcasestr(head, "\r\nCookie:") == NULL);
	CHECK("offers no compression", strcasestr(head, "\r\nAccept-Encoding:") == NULL);
	CHECK("and no password", strcasestr(head, "\r\nAuthorization:") == NULL);
	CHECK("asks without condition", strcasestr(head, "\r\nIf-") == NULL);

	struct fetch_request post = {.url = fkit_url(&kit, "http://%H/post"),
		.method = FETCH_POST,
		.body = bytes_text("question"),
		.content_type = "application/ocsp-request"};

	CHECK("POST", fkit_get(&kit, &post, &seen) == ERR_OK && seen.error.fault == FETCH_OK);
	CHECK("POST", strcmp(seen.body, "question") == 0);
	head = web_last(kit.web);
	CHECK("POST", strstr(head, "\r\nContent-Type: application/ocsp-request\r\n") != NULL);
	CHECK("no waiting for leave to send", strcasestr(head, "\r\nExpect:") == NULL);

	static const struct {
		const char *url;
		enum fetch_fault want;
	} moved[] = {
		{"http://%H/r/301?/post", FETCH_REDIRECT_POST},
		{"http://%H/r/302?/post", FETCH_REDIRECT_POST},
		{"http://%H/r/303?/post", FETCH_REDIRECT_POST},
		{"http://%H/r/307?/post", FETCH_OK},
		{"http://%H/r/308?/post", FETCH_OK},
	};
	for (size_t i = 0; i < ARRAY_COUNT(moved); i++) {
		post.url = fkit_url(&kit, moved[i].url);
		CHECK(moved[i].url, fkit_get(&kit, &post, &seen) == ERR_OK);
		CHECK(moved[i].url, seen.error.fault == moved[i].want);
		CHECK(moved[i].url, moved[i].want != FETCH_OK || strcmp(seen.body, "question") == 0);
	}
	fkit_close(&kit);
	(void)unsetenv("http_proxy");
	(void)unsetenv("HTTP_PROXY");
	(void)unsetenv("all_proxy");
}

static void test_conditions(void)
{
	struct fkit kit;
	struct seen seen;

	fkit_open(&kit, loopback, NULL);
	struct fetch_request request = {.url = fkit_url(&kit, "http://%H/etag")};

	CHECK("first", fkit_get(&kit, &request, &seen) == ERR_OK && strcmp(seen.body, "fresh") == 0);
	CHECK("ETag", strcmp(seen.etag, "\"v1\"") == 0);
	CHECK("Last-Modified", strcmp(seen.last_modified, "Sat, 21 Nov 2026 20:00:00 GMT") == 0);
	request.etag = "\"v1\"";
	request.last_modified = "Sat, 21 Nov 2026 20:00:00 GMT";
	CHECK("304", fkit_get(&kit, &request, &seen) == ERR_OK);
	CHECK("304", seen.error.fault == FETCH_OK && seen.not_modified && seen.body_len == 0);
	CHECK("both are sent", strstr(web_last(kit.web),
				       "\r\nIf-Modified-Since: Sat, 21 Nov 2026 20:00:00 GMT\r\n") != NULL);
	request.etag = "\"v0\"";
	CHECK("another version", fkit_get(&kit, &request, &seen) == ERR_OK);
	CHECK("another version", !seen.not_modified && strcmp(seen.body, "fresh") == 0);
	request.etag = "a\r\nX-Evil: b";
	CHECK("a condition that would break the header", fkit_get(&kit, &request, &seen) != ERR_OK);
	struct fetch_request interim = {.url = fkit_url(&kit, "http://%H/interim")};

	CHECK("what an interim answer says",
		fkit_get(&kit, &interim, &seen) == ERR_OK && seen.etag[0] == '\0');
	fkit_close(&kit);
}

/* --- places and who waits --- */

static void test_single_flight(void)
{
	struct fkit kit;
	struct seen seen[6] = {0};
	struct fetch *waits[6] = {0};
	struct fetcher_counters counters;

	fkit_open(&kit, loopback, NULL);
	struct fetch_request request = {.url = fkit_url(&kit, "http://%H/hold")};

	for (size_t i = 0; i < 5; i++) {
		CHECK("start",
			fetch_start(kit.fetcher, &request, seen_done, &seen[i], &waits[i], NULL) == ERR_OK);
	}
	request.listed = true; /* another question: it may go where the others may not */
	CHECK("start", fetch_start(kit.fetcher, &request, seen_done, &seen[5], &waits[5], NULL) == ERR_OK);
	while (web_held(kit.web) < 2) {
		fkit_turns(&kit, 5);
	}
	fetcher_counters(kit.fetcher, &counters);
	CHECK("two transfers", counters.started == 2 && counters.running == 2 && counters.joined == 4);
	CHECK("six wait", counters.waiting == 6);
	fetch_cancel(waits[1]);
	fetch_cancel(waits[4]);
	fetch_cancel(NULL);
	fkit_turns(&kit, 30);
	CHECK("nobody was told yet", seen[0].calls + seen[1].calls + seen[2].calls + seen[5].calls == 0);
	web_release(kit.web);
	CHECK("the others are told", fkit_wait(&kit, &seen[0]) && fkit_wait(&kit, &seen[5]));
	fkit_turns(&kit, 30);
	for (size_t i = 0; i < 6; i++) {
		unsigned want = i == 1 || i == 4 ? 0 : 1;

		CHECK("each once, who cancelled never", seen[i].calls == want);
		CHECK("all the same", want == 0 || strcmp(seen[i].body, "held") == 0);
	}
	CHECK("one request each", web_hits(kit.web) == 2);
	request.listed = false;
	CHECK("a later one asks again", fkit_get(&kit, &request, &seen[0]) == ERR_OK);
	CHECK("a later one asks again", web_hits(kit.web) == 3);
	fkit_close(&kit);
}

static void test_places(void)
{
	struct fetcher_options options = {
		.transfers_max = 3, .per_host_max = 2, .queue_max = 4, .waiters_max = 2};
	struct fkit kit;
	struct seen seen[9] = {0};
	struct fetch *waits[9] = {0};
	struct fetch_error error = {0};
	char url[9][64];

	fkit_open(&kit, loopback, &options);
	/* 0…3 of one host, 4 of another, 5 of a third; each its own URL. Only two of the first fit, and three in all. */
	for (size_t i = 0; i < 9; i++) {
		(void)snprintf(url[i], sizeof(url[i]), "http://127.0.0.%d:%u/hold/%zu", i < 4 ? 1 : (int)i,
			web_port(kit.web), i);
	}
	for (size_t i = 0; i < 4; i++) {
		struct fetch_request request = {.url = url[i]};

		CHECK("start",
			fetch_start(kit.fetcher, &request, seen_done, &seen[i], &waits[i], &error) == ERR_OK);
	}
	struct fetch_request more = {.url = url[4]};

	CHECK("queue of max + 1",
		fetch_start(kit.fetcher, &more, seen_done, &seen[4], NULL, &error) == ERR_LIMIT);
	CHECK("it is named", error.fault == FETCH_BUSY);
	while (web_held(kit.web) < 2) {
		fkit_turns(&kit, 5);
	}
	for (size_t i = 4; i < 6; i++) {
		struct fetch_request request = {.url = url[i]};

		CHECK("start",
			fetch_start(kit.fetcher, &request, seen_done, &seen[i], &waits[i], &error) == ERR_OK);
	}
	struct fetch_request joined = {.url = url[4]};

	CHECK("joins", fetch_start(kit.fetcher, &joined, seen_done, &seen[6], &waits[6], &error) == ERR_OK);
	CHECK("waiters of max + 1",
		fetch_start(kit.fetcher, &joined, seen_done, &seen[7], &waits[7], &error) == ERR_LIMIT);
	CHECK("it is named", error.fault == FETCH_BUSY);
	while (web_held(kit.web) < 3) {
		fkit_turns(&kit, 5);
	}
	fkit_turns(&kit, 50);
	CHECK("no more than three", web_held_max(kit.web) == 3 && web_hits(kit.web) == 3);
	/* A waiter that vanishes frees its place for the next, also of the same host. */
	fetch_cancel(waits[0]);
	while (web_hits(kit.web) < 4) {
		fkit_turns(&kit, 5);
	}
	CHECK("who cancelled is not called", seen[0].calls == 0);
	/* One that still waits for a place vanishes too. */
	fetch_cancel(waits[5]);
	web_release(kit.web);
	for (size_t i = 1; i < 5; i++) {
		CHECK("all come", fkit_wait(&kit, &seen[i]) && seen[i].error.fault == FETCH_OK);
	}
	CHECK("none of a host beyond its places", web_held_max(kit.web) <= 4);
	CHECK("who cancelled is not called", seen[5].calls == 0 && seen[0].calls == 0 && seen[7].calls == 0);
	CHECK("nor asked for", web_hits(kit.web) == 5);
	fkit_close(&kit);
}

/* From within done: another fetch, the cancelling of others, of the same transfer and of another one. */
struct meddler {
	struct fkit *kit;
	struct fetch *sibling, *stranger;
	struct fetch_request again;
	struct seen again_seen;
	unsigned calls;
};

static void meddle(void *ctx, const struct fetch_answer *answer)
{
	struct meddler *meddler = ctx;

	CHECK("answer", answer->error.fault == FETCH_OK);
	meddler->calls++;
	fetch_cancel(meddler->sibling);
	fetch_cancel(meddler->stranger);
	CHECK("starts again", fetch_start(meddler->kit->fetcher, &meddler->again, seen_done,
				      &meddler->again_seen, NULL, NULL) == ERR_OK);
	CHECK("not from within", meddler->again_seen.calls == 0);
}

static void test_meddling(void)
{
	struct fkit kit;
	struct seen sibling = {0};
	struct seen stranger = {0};
	struct meddler meddler = {.kit = &kit};

	fkit_open(&kit, loopback, NULL);
	struct fetch_request request = {.url = fkit_url(&kit, "http://%H/ok")};
	struct fetch_request held = {.url = fkit_url(&kit, "http://%H/hold")};

	meddler.again = request;
	CHECK("held",
		fetch_start(kit.fetcher, &held, seen_done, &stranger, &meddler.stranger, NULL) == ERR_OK);
	CHECK("first", fetch_start(kit.fetcher, &request, meddle, &meddler, NULL, NULL) == ERR_OK);
	CHECK("second",
		fetch_start(kit.fetcher, &request, seen_done, &sibling, &meddler.sibling, NULL) == ERR_OK);
	CHECK("it comes again", fkit_wait(&kit, &meddler.again_seen));
	CHECK("once", meddler.calls == 1 && meddler.again_seen.calls == 1);
	CHECK("those cancelled are not called", sibling.calls == 0 && stranger.calls == 0);
	fkit_close(&kit);
}

static void test_stop(void)
{
	struct fkit kit;
	struct seen seen[3] = {0};
	struct fetcher_options options = {.per_host_max = 1};

	fkit_open(&kit, loopback, &options);
	static const char *const urls[] = {"http://%H/hold", "http://%H/slow-body", "http://%H/ok"};

	for (size_t i = 0; i < 3; i++) {
		struct fetch_request request = {.url = fkit_url(&kit, urls[i])};

		CHECK("start", fetch_start(kit.fetcher, &request, seen_done, &seen[i], NULL, NULL) == ERR_OK);
	}
	while (web_held(kit.web) < 1) {
		fkit_turns(&kit, 5);
	}
	fetcher_stop(kit.fetcher);
	for (size_t i = 0; i < 3; i++) {
		CHECK("told, waiting or under way",
			seen[i].calls == 1 && seen[i].error.fault == FETCH_STOPPED);
	}
	struct fetch_request late = {.url = fkit_url(&kit, "http://%H/ok")};
	struct seen late_seen;

	CHECK("no further", fkit_get(&kit, &late, &late_seen) == ERR_STATE);
	fkit_close(&kit);
}

/* Freed in every state a transfer can be in. */
static void test_free_under_way(void)
{
	static const char *const urls[] = {"http://%H/hold", "http://%H/slow-body", "http://%H/slow-headers",
		"http://%H/endless", "http://hang.test/", "http://%H/r/302?http://%H/hold"};

	for (unsigned ms = 0; ms < 60; ms += 7) {
		struct fkit kit;
		struct seen seen[ARRAY_COUNT(urls)] = {0};

		fkit_open(&kit, loopback, NULL);
		for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
			struct fetch_request request = {
				.url = fkit_url(&kit, urls[i]), .bytes_max = FETCH_BODY_BYTES_MAX};

			CHECK("start", fetch_start(kit.fetcher, &request, seen_done, &seen[i], NULL, NULL) ==
					       ERR_OK);
		}
		fkit_turns(&kit, ms);
		unsigned before = 0;
		unsigned after = 0;

		for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
			before += seen[i].calls;
		}
		fetcher_free(kit.fetcher);
		kit.fetcher = NULL;
		names_release();
		fkit_turns(&kit, 20);
		for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
			after += seen[i].calls;
		}
		CHECK("nobody is called behind fetcher_free()", before == after);
		fkit_close(&kit);
	}
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	test_answers();
	test_sizes();
	test_slowness();
	test_literals();
	test_names();
	test_list_changes();
	test_requests();
	test_conditions();
	test_single_flight();
	test_places();
	test_meddling();
	test_stop();
	test_hanging_names();
	test_free_under_way();
	crypto_cleanup();
	return test_result();
}
