/*
 * sources.h - where revocation data comes from besides files: the addresses that operators and certificates name, what was
 *             fetched from them for each channel, and the connections that wait for it.
 * Owns:    the fetcher and the cache; the statuses that are watched; the questions of connections until they are answered.
 * Never:   fetches for a certificate that has no verified path; lets a failed fetch take away what is known.
 * Threads: the control loop.
 */
#ifndef LOCKGATE_BROKER_CONTROL_SOURCES_H
#define LOCKGATE_BROKER_CONTROL_SOURCES_H

#include "auth/auth.h"
#include "broker/fetch/revocation_cache.h"
#include "mqsc/mqsc.h"

/* --- limits an operator can see --- */
#define SOURCES_CHANNEL_CDP_MAX                                                                              \
	256u /* addresses of lists that certificates of one channel named, or complete lists deltas of; the one unused longest goes */
#define SOURCES_STATUS_MAX     65536u /* statuses that are watched at one time */
#define SOURCES_RESPONDERS_MAX 64u    /* of which DISPLAY AUTHSTATUS knows */
#define SOURCES_TICK_MS        5000u  /* how often it is looked at who still lives by what */

struct control;
struct channel;
struct sources;

/* Of one running channel. Zero-initialise. */
struct channel_lists {
	struct {
		char *url;
		uint64_t since_ms, used_ms;
	} cdp[SOURCES_CHANNEL_CDP_MAX];
	size_t cdp_count;
	struct crl_set *joined; /* the files' and what was fetched; NULL: nothing was */
	uint64_t joined_files;  /* generation of the files' set in it */
	uint64_t joined_from;   /* which sources the operator had named then */
	bool stale;             /* a list was fetched since */
};
void channel_lists_release(struct channel_lists *lists);

/* Starts the cache; the folder is below the data directory. */
MUST_CHECK enum err sources_open(struct control *control);
/* Before the loops stop: whoever waits is answered, transfers end. */
void sources_close(struct control *control);
/* What everything of this broker is fetched by, under its REVALLOW and REVCAFILE; until sources_close(). */
struct fetcher *sources_fetcher(const struct control *control);
void sources_free(struct control *control); /* once the loops have stopped; NULL is fine */

/* Now rather than at their time: wanted lists, and every status that somebody lives by. */
void sources_refresh(struct control *control);
/* Whether what the broker object says of addresses (REVALLOW, REVCAFILE) can be put in force. Blocks for a small file. */
MUST_CHECK enum err sources_check_settings(const struct object *qmgr, struct buf *why);
/* Before a policy is published: what it says of addresses, and what its channels want from now on. */
void sources_want(struct control *control);
/* What a channel's policy says of lists and responders. */
struct sources_view {
	struct crl_set *
		crls; /* the caller's reference to the files' and the fetched ones; NULL: nothing was fetched */
	bool missing, pending; /* a list that the operator named is not there; it may be about to come */
	enum x509_ocsp ocsp_auth;
	const char *ocsp_url; /* borrowed from the catalog */
	bool need_cdp, need_aia;
};
/* files: the lists of CRLFILE that the policy will have, or NULL. */
struct proposal;
void sources_view(struct control *control, const struct proposal *source, struct channel *channel,
	const struct object *object, const struct crl_set *files, struct sources_view *out);
/* What forbids that a channel starts or goes on with these sources: a name that is not defined, or two responders. */
MUST_CHECK enum err sources_check(
	const struct catalog *catalog, const struct object *channel, struct buf *why);
/* The same for an AUTHINFO that is changed (after NULL: deleted) under running channels. */
MUST_CHECK enum err sources_check_change(
	struct control *control, const struct object *before, const struct object *after, struct buf *why);

/* Whether the channel names sources, also where it does not fetch for now: who turns that off does not turn the check off. */
bool sources_used(const struct object *channel);

void sources_status(
	struct control *control, const struct mqsc_request *request, struct mqsc_pending *pending);

#endif
