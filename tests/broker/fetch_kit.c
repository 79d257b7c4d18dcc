/*
 * fetch_kit.c - a fetcher on a real loop: see fetch_kit.h.
 * Owns:    the pool.
 * Threads: the main thread.
 */
#include "fetch_kit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/test.h"

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

void fkit_open(struct fkit *kit, const char *const *entries, const struct fetcher_options *options)
{
	struct net_options pool = {.workers = 1};
	struct fetcher_options all = {0};
	struct fetch_list *list = NULL;
	struct fetch_error error = {0};
	size_t count = 0;

	*kit = (struct fkit){0};
	if (options != NULL) {
		all = *options;
	}
	while (entries != NULL && entries[count] != NULL) {
		count++;
	}
	kit->web = web_open();
	REQUIRE("pool", net_new(&pool, &kit->net) == ERR_OK);
	REQUIRE("pool starts", net_start(kit->net) == ERR_OK);
	REQUIRE("list", fetch_list_new(entries, count, &list, &error) == ERR_OK);
	all.net = kit->net;
	all.wheel = net_wheel(kit->net, net_control_at(kit->net));
	all.clock = net_clock(kit->net, net_control_at(kit->net));
	all.list = list;
	REQUIRE("fetcher", fetcher_new(&all, &kit->fetcher) == ERR_OK);
	fetch_list_unref(list);
}

void fkit_close(struct fkit *kit)
{
	fetcher_free(kit->fetcher);
	CHECK("nothing is left on the loop", net_stop(kit->net, WEB_WAIT_MS) == ERR_OK);
	net_free(kit->net);
	web_close(kit->web);
}

static bool *starting(void)
{
	static bool now; /* a test program's: whether fetch_start() runs */

	return &now;
}

void seen_done(void *ctx, const struct fetch_answer *answer)
{
	struct seen *seen = ctx;

	seen->calls++;
	seen->inside = seen->inside || *starting();
	seen->error = answer->error;
	seen->status = answer->status;
	seen->hops = answer->hops;
	seen->not_modified = answer->not_modified;
	(void)snprintf(seen->etag, sizeof(seen->etag), "%s", answer->etag);
	(void)snprintf(seen->last_modified, sizeof(seen->last_modified), "%s", answer->last_modified);
	if (answer->body != NULL) {
		struct bytes body = fetch_body_bytes(answer->body);

		seen->body_len = body.len;
		(void)snprintf(seen->body, sizeof(seen->body), "%.*s",
			(int)(body.len < sizeof(seen->body) ? body.len : sizeof(seen->body) - 1),
			(const char *)body.data);
	}
}

const char *fkit_url(struct fkit *kit, const char *format)
{
	static char urls[2][8192];
	static unsigned turn;
	char *out = urls[turn++ % 2];
	size_t len = 0;

	for (const char *at = format; *at != '\0' && len + 32 < sizeof(urls[0]); at++) {
		if (at[0] == '%' && (at[1] == 'H' || at[1] == 'P')) {
			len += (size_t)snprintf(out + len, sizeof(urls[0]) - len,
				at[1] == 'H' ? "127.0.0.1:%u" : "%u", web_port(kit->web));
			at++;
		} else {
			out[len++] = *at;
		}
	}
	out[len] = '\0';
	return out;
}

bool fkit_wait(struct fkit *kit, const struct seen *seen)
{
	uint64_t until = now_ms() + WEB_WAIT_MS;

	while (seen->calls == 0 && now_ms() < until) {
		net_turn(kit->net, 10);
	}
	return seen->calls > 0;
}

void fkit_turns(struct fkit *kit, unsigned ms)
{
	uint64_t until = now_ms() + ms;

	while (now_ms() < until) {
		net_turn(kit->net, 5);
	}
}

enum err fkit_get(struct fkit *kit, const struct fetch_request *request, struct seen *seen)
{
	*seen = (struct seen){0};
	*starting() = true;
	enum err err = fetch_start(kit->fetcher, request, seen_done, seen, NULL, &seen->error);

	*starting() = false;
	if (err == ERR_OK) {
		CHECK(request->url, fkit_wait(kit, seen));
		CHECK(request->url, seen->calls == 1);
		CHECK(request->url, !seen->inside);
	} else {
		CHECK(request->url, seen->calls == 0);
	}
	return err;
}
