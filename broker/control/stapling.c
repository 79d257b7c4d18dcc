/*
 * stapling.c - what channels say of stapling (STAPLE, REVINFO), and by what it is fetched.
 * Owns:    the staples; they are made when the first channel wants them.
 * Never:   lets a channel fail to start for want of a response.
 * Threads: the control loop.
 */
#include "broker/control/control.h"
#include "broker/control/sources.h"
#include "broker/control/staple.h"

static enum err start(void *ctx, const struct fetch_request *request, fetch_done_fn done, void *done_ctx,
	struct fetch **out, struct fetch_error *error)
{
	return fetch_start(ctx, request, done, done_ctx, out, error);
}

static void cancel(void *ctx, struct fetch *fetch)
{
	(void)ctx;
	fetch_cancel(fetch);
}

static enum err open_staples(struct control *control)
{
	struct staples_options options = {.wheel = control->wheel,
		.clock = control->clock,
		.log = control->log,
		.start = start,
		.cancel = cancel,
		.ctx = sources_fetcher(control)};

	return control->staples != NULL ? ERR_OK : staples_new(&options, &control->staples);
}

/* The responder of the channel's REVINFO, for certificates that name none; NULL: there is none. */
static const char *responder_of(const struct control *control, const char *channel)
{
	const struct object *object = catalog_find(control_catalog(control), OBJECT_CHANNEL, channel);

	for (size_t i = 0; object != NULL && i < object_list_count(object, "REVINFO"); i++) {
		const struct object *info = catalog_find(
			control_catalog(control), OBJECT_AUTHINFO, object_list_item(object, "REVINFO", i));

		if (info != NULL && object_is(info, "AUTHTYPE", "OCSP")) {
			return object_text_or_null(info, "OCSPURL");
		}
	}
	return NULL;
}

void control_staple(struct control *control, const char *channel, const struct material *material)
{
	enum err err = ERR_OK;

	if (material->staple_count > 0) {
		err = open_staples(control);
	}
	if (err == ERR_OK && control->staples != NULL) {
		err = staples_set(control->staples, channel, material->staples, material->staple_count,
			responder_of(control, channel));
	}
	if (err != ERR_OK) {
		LOG(control->log, LOG_WARN, "LKG0206W", "no OCSP response for a certificate of a channel",
			LF_TEXT("channel", channel), LF_TEXT("label", ""), LF_TEXT("sentence", err_name(err)),
			LF_BOOL("one_is_served", false));
	}
}

void control_staple_renew(struct control *control)
{
	if (control->staples != NULL) {
		staples_renew(control->staples);
	}
}

void control_staple_end(struct control *control, const char *channel)
{
	if (control->staples != NULL) {
		staples_remove(control->staples, channel);
	}
}

void control_staple_stop(struct control *control)
{
	staples_free(control->staples);
	control->staples = NULL;
}
