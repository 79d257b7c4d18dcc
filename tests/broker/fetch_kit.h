/*
 * fetch_kit.h - an HTTP server on loopback that misbehaves on request, a name server in the process, and a fetcher.
 * Owns:    the server's threads, the pool whose control loop drives the fetcher.
 * Never:   sleeps blindly: every wait has a condition and a deadline.
 * Threads: the test's main thread is the control loop; the server has threads of its own.
 */
#ifndef LOCKGATE_TESTS_BROKER_FETCH_KIT_H
#define LOCKGATE_TESTS_BROKER_FETCH_KIT_H

#include "broker/fetch/fetch.h"

#define WEB_WAIT_MS 20000u

/* --- the server --- */
/*
 * Paths: /ok /etag /post /headers /cookie /hold /slow-headers /slow-body /endless /endless-chunked /endless-headers
 * /short /long /declared /gzip /te-gzip /garbage /http09 /empty /early-cut /reset /interim /big-error /status/NNN,
 * /r/NNN?URL (a redirect with that status) and /loop.
 */
struct web;
struct web *web_open(void); /* on every IPv4 address of this host */
void web_close(struct web *web);
uint16_t web_port(const struct web *web);
/* What /file answers from now on, with this ETag (304 if it is asked for); BYTES_NONE: 503. Copied. */
void web_set_file(struct web *web, struct bytes content, const char *etag);
unsigned web_hits(struct web *web); /* requests read so far */
unsigned web_held(struct web *web); /* requests to /hold that wait now */
unsigned web_held_max(struct web *web);
void web_release(struct web *web); /* answers everybody at /hold, from now on */
void web_set_hold(struct web *web);
const char *web_last(struct web *web); /* the last request, head and body; valid until the next call */

/* --- names: what getaddrinfo() answers in this program --- */
/*
 * addresses: dotted, comma between several; the nth call gets the nth of those parted by ';', the last for ever. "hang": until
 * names_release().
 */
void names_set(const char *name, const char *addresses);
unsigned names_asked(void);
void names_release(void);
unsigned names_hanging(void);

/* --- the fetcher --- */
struct fkit {
	struct net *net;
	struct fetcher *fetcher;
	struct web *web;
};
/* entries: the operator's list, NULL-terminated; may be NULL. options may be NULL (limits from there). */
void fkit_open(struct fkit *kit, const char *const *entries, const struct fetcher_options *options);
void fkit_close(struct fkit *kit); /* nothing may be left */

/* What one who waits has seen. */
struct seen {
	unsigned calls;
	struct fetch_error error;
	unsigned status, hops;
	bool not_modified;
	char body[256];
	size_t body_len;
	char etag[300], last_modified[300];
	bool inside; /* called while fetch_start() ran */
};
void seen_done(void *ctx, const struct fetch_answer *answer);
/* host:port of the server are put in for "%H" ("127.0.0.1:PORT") and "%P" (PORT); valid until the next call but one. */
const char *fkit_url(struct fkit *kit, const char *format);
/* Turns the loop until seen->calls or the deadline. */
bool fkit_wait(struct fkit *kit, const struct seen *seen);
void fkit_turns(struct fkit *kit, unsigned ms);
/* Starts and waits; a synchronous refusal is put into seen too, with calls 0. */
enum err fkit_get(struct fkit *kit, const struct fetch_request *request, struct seen *seen);

#endif
