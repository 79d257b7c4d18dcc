/*
 * authstatus.c - DISPLAY AUTHSTATUS: what became of each source of revocation data.
 * Owns:    nothing.
 * Never:   fetches because somebody looks.
 * Threads: the control loop.
 */
#include <string.h>

#include "broker/control/sources_private.h"

struct facts {
	const char *name; /* of the AUTHINFO; "" for an address that a certificate named */
	const char *type, *url, *status, *why;
	bool listed;
	int64_t last_ms, next_ms;
	unsigned failures;
};

static void put(struct mqsc_pending *pending, const struct facts *facts)
{
	struct mqsc_row *row = mqsc_pending_row(pending, "AUTHINFO", facts->name);

	mqsc_row_text(row, "AUTHTYPE", facts->type);
	mqsc_row_text(row, "URL", facts->url);
	mqsc_row_text(row, "ORIGIN", facts->listed ? "LISTED" : "CERTIFICATE");
	mqsc_row_text(row, "STATUS", facts->status);
	mqsc_row_time(row, "LASTDATE", "LASTTIME", facts->last_ms);
	mqsc_row_time(row, "NEXTDATE", "NEXTTIME", facts->next_ms);
	mqsc_row_number(row, "FAILURES", facts->failures);
	mqsc_row_text(row, "WHY", facts->why);
}

static void put_list(struct mqsc_pending *pending, const char *name, const struct revocation_state *state)
{
	const char *status = state->failures > 0 ? "FAILED" : state->held ? "GOOD" : "NEW";

	put(pending, &(struct facts){
			     .name = name,
			     .type = "CRLURL",
			     .url = state->url,
			     .listed = state->listed,
			     .status = state->fetching ? "FETCHING" : status,
			     .last_ms = state->last_success_ms,
			     .next_ms = state->next_try_ms,
			     .failures = state->failures,
			     .why = state->sentence == NULL ? "" : state->sentence,
		     });
}

static void put_responder(struct mqsc_pending *pending, const char *name, const char *url, bool listed,
	const struct responder *responder)
{
	static const struct responder none = {.tried = false};
	const struct responder *from = responder == NULL ? &none : responder;
	const char *tried = from->failures == 0 ? "GOOD" : "FAILED";

	put(pending, &(struct facts){
			     .name = name,
			     .type = "OCSP",
			     .url = url,
			     .listed = listed,
			     .status = from->tried ? tried : "NEW",
			     .last_ms = from->last_success_ms,
			     .failures = from->failures,
			     .why = from->sentence,
		     });
}

static bool is_used(const struct control *control, const char *name)
{
	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object = catalog_find(control->catalog, OBJECT_CHANNEL, channel->name);

		if (object != NULL && object_is(object, "REVINFO", name)) {
			return true;
		}
	}
	return false;
}

static const struct responder *find_responder(const struct sources *sources, const char *url)
{
	for (size_t i = 0; i < sources->responder_count; i++) {
		if (sources->responders[i].listed && strcmp(sources->responders[i].url, url) == 0) {
			return &sources->responders[i];
		}
	}
	return NULL;
}

static void put_object(const struct sources *sources, const struct object *info, struct mqsc_pending *pending)
{
	const char *name = object_name(info);
	struct revocation_state state;

	if (object_is(info, "AUTHTYPE", "OCSP")) {
		const char *url = object_text(info, "OCSPURL");

		put_responder(pending, name, url, true, find_responder(sources, url));
		return;
	}
	const char *url = object_text(info, "CRLURL");

	if (!revocation_state_of(sources->cache, url, &state)) {
		state = (struct revocation_state){.url = url, .listed = true, .sentence = ""};
	}
	put_list(pending, name, &state);
}

/* What certificates named. */
static void put_others(const struct sources *sources, struct mqsc_pending *pending)
{
	struct revocation_state state;

	for (size_t i = 0; revocation_state_at(sources->cache, i, &state); i++) {
		if (!state.listed && state.wanted) {
			put_list(pending, "", &state);
		}
	}
	for (size_t i = 0; i < sources->responder_count; i++) {
		const struct responder *responder = &sources->responders[i];

		if (!responder->listed) {
			put_responder(pending, "", responder->url, false, responder);
		}
	}
}

void sources_status(struct control *control, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	const struct sources *sources = control->sources;

	if (sources == NULL || sources->closed) {
		mqsc_pending_done(pending, ERR_STATE, "AMQ8101E: The broker is stopping.");
		return;
	}
	for (size_t i = 0; i < catalog_count(control->catalog, OBJECT_AUTHINFO); i++) {
		const struct object *info = catalog_at(control->catalog, OBJECT_AUTHINFO, i);

		if (mqsc_generic_match(request->channel, object_name(info)) &&
			is_used(control, object_name(info))) {
			put_object(sources, info, pending);
		}
	}
	if (strcmp(request->channel, "*") == 0) {
		put_others(sources, pending);
	}
	mqsc_pending_done(pending, ERR_OK, NULL);
}
