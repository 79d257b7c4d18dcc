/*
 * report.c - lockgate keystore report, the broker's side.
 * Owns:    see report.h.
 * Never:   see report.h.
 * Threads: the control loop; the counting runs on workers.
 *
 * Who would be cut is found by judging: each live session that came in by an anchor is judged under the trust without it,
 * so that a cross-signed device that has another way is not counted. Of clients that are not connected only what they came
 * in by the last time is known.
 */
#include "broker/control/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/pem.h"
#include "base/utf8.h"
#include "keystore/keystore.h"

#define DAY_S 86400

struct report_row {
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	struct inventory_item item;
	unsigned long cut, known; /* connected that would be cut; known and not connected */
	unsigned long refused;    /* known, but the certificate is refused for good: needs it no more */
	char **names;
	size_t name_count;
};

struct report {
	struct control *control;
	struct report_options options;
	report_fn done;
	void *ctx;
	int64_t now;
	struct report_row *rows;
	size_t row_count, at; /* at: which one is being counted */
	struct trust_set *without;
	struct material material; /* shows without to the proposal; owns nothing */
	enum err err;
};

static void report_free(struct report *report)
{
	for (size_t i = 0; i < report->row_count; i++) {
		struct report_row *row = &report->rows[i];

		free(row->item.alias);
		free(row->item.subject);
		for (size_t j = 0; j < row->name_count; j++) {
			free(row->names[j]);
		}
		free(row->names);
	}
	free(report->rows);
	trust_set_unref(report->without);
	free(report);
}

static bool is_trust(const struct report_row *row)
{
	return row->item.kind == KEYSTORE_ANCHOR || row->item.kind == KEYSTORE_PIN;
}

static int64_t days_left(const struct report *report, const struct report_row *row)
{
	int64_t left = row->item.not_after - report->now;

	return left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S);
}

static bool is_due(const struct report *report, const struct report_row *row)
{
	return row->item.not_after != X509_NEVER &&
	       row->item.not_after <= report->now + report->options.within_days * DAY_S;
}

/* --- as text and as JSON --- */

static enum err say(struct buf *out, const char *text)
{
	return utf8_escape(out, bytes_text(text == NULL ? "" : text));
}

static enum err names_text(const struct report_row *row, struct buf *out)
{
	unsigned long all = row->cut + row->known;
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < row->name_count; i++) {
		err = buf_append_text(out, i == 0 ? ": " : ", ");
		err = err == ERR_OK ? say(out, row->names[i]) : err;
	}
	if (err == ERR_OK && row->name_count < all) {
		err = buf_printf(
			out, "%s %lu more", row->name_count == 0 ? "" : " and", all - row->name_count);
	}
	return err;
}

/* The line's end. */
static enum err refused_text(const struct report_row *row, struct buf *out)
{
	return row->refused == 0 ? buf_append_text(out, "\n")
				 : buf_printf(out, "; %lu more came by it, but %s refused for good\n",
					   row->refused, row->refused == 1 ? "is" : "are");
}

static enum err row_text(const struct report *report, const struct report_row *row, struct buf *out)
{
	char until[CLOCK_TEXT_BYTES] = "never";
	enum err err;

	if (row->item.not_after != X509_NEVER) {
		clock_format(row->item.not_after * 1000, until);
		until[10] = '\0';
	}
	err = buf_printf(out, "%s  %5lld days  %-6s  %-20s  ", until, (long long)days_left(report, row),
		keystore_kind_name((enum keystore_kind)row->item.kind), row->channel);
	err = err == ERR_OK ? say(out, row->item.alias) : err;
	err = err == ERR_OK ? buf_append_text(out, "  ") : err;
	err = err == ERR_OK ? say(out, row->item.subject) : err;
	err = err == ERR_OK ? buf_append_text(out, "\n") : err;
	if (err == ERR_OK && is_trust(row) && row->cut + row->known == 0) {
		err = buf_append_text(out, "            no known client needs it");
		err = err == ERR_OK ? refused_text(row, out) : err;
	} else if (err == ERR_OK && is_trust(row)) {
		err = buf_printf(out, "            removing it would cut %lu connected and %lu known clients",
			row->cut, row->known);
		err = err == ERR_OK ? names_text(row, out) : err;
		err = err == ERR_OK ? refused_text(row, out) : err;
	}
	return err;
}

static enum err report_text(const struct report *report, struct buf *out)
{
	enum err err = ERR_OK;
	size_t due = 0;

	for (size_t i = 0; err == ERR_OK && i < report->row_count; i++) {
		err = row_text(report, &report->rows[i], out);
		due += is_due(report, &report->rows[i]) ? 1 : 0;
	}
	if (err == ERR_OK) {
		err = buf_printf(out, "%zu of %zu expire within %lld days or have expired.\n", due,
			report->row_count, (long long)report->options.within_days);
	}
	return err;
}

static void row_json(const struct report *report, const struct report_row *row, struct json_writer *json)
{
	char until[CLOCK_TEXT_BYTES];
	struct buf hex = BUF_INIT(2 * SHA256_BYTES + 1);
	const char *fingerprint = NULL;

	clock_format(row->item.not_after * 1000, until);
	if (hex_encode(bytes_of(row->item.sha256, SHA256_BYTES), &hex) != ERR_OK ||
		buf_text(&hex, &fingerprint) != ERR_OK) {
		fingerprint = NULL;
	}
	json_object_begin(json);
	json_key(json, "channel");
	json_text(json, row->channel);
	json_key(json, "kind");
	json_text(json, keystore_kind_name((enum keystore_kind)row->item.kind));
	json_key(json, "alias");
	json_text(json, row->item.alias);
	json_key(json, "subject");
	json_text(json, row->item.subject);
	json_key(json, "sha256");
	json_text(json, fingerprint);
	json_key(json, "not_after");
	json_text(json, row->item.not_after == X509_NEVER ? NULL : until);
	json_key(json, "days");
	json_int(json, days_left(report, row));
	json_key(json, "due");
	json_bool(json, is_due(report, row));
	if (is_trust(row)) {
		json_key(json, "connected");
		json_int(json, (int64_t)row->cut);
		json_key(json, "known");
		json_int(json, (int64_t)row->known);
		json_key(json, "refused");
		json_int(json, (int64_t)row->refused);
		json_key(json, "clients");
		json_array_begin(json);
		for (size_t i = 0; i < row->name_count; i++) {
			json_text(json, row->names[i]);
		}
		json_array_end(json);
	}
	json_object_end(json);
	buf_release(&hex);
}

static enum err report_json(const struct report *report, struct buf *out)
{
	struct json_writer json = json_writer_init(out);

	json_object_begin(&json);
	json_key(&json, "within_days");
	json_int(&json, report->options.within_days);
	json_key(&json, "entries");
	json_array_begin(&json);
	for (size_t i = 0; i < report->row_count; i++) {
		row_json(report, &report->rows[i], &json);
	}
	json_array_end(&json);
	json_object_end(&json);
	enum err err = json_err(&json);

	return err == ERR_OK ? buf_append_text(out, "\n") : err;
}

static void report_end(struct report *report)
{
	struct buf text = BUF_INIT(REPORT_BYTES_MAX);
	enum err err = report->err;
	int code = 0;

	for (size_t i = 0; i < report->row_count; i++) {
		code = is_due(report, &report->rows[i]) ? 1 : code;
	}
	if (err == ERR_OK && report->row_count == 0) {
		/* A name that was mistyped must not look like a keystore that lasts. */
		code = 2;
		err = buf_printf(&text, "No running channel of this name (%s) has a keystore.\n",
			report->options.channel);
	} else if (err == ERR_OK) {
		err = report->options.json ? report_json(report, &text) : report_text(report, &text);
	}
	if (err != ERR_OK) {
		text.len = 0;
		code = 2;
		enum err said = buf_printf(&text, "The report could not be made: %s\n", err_name(err));
		(void)said;
	}
	report->done(report->ctx, code, buf_bytes(&text));
	buf_release(&text);
	report_free(report);
}

/* --- counting --- */

static void add_name(struct report *report, struct report_row *row, const char *name)
{
	size_t max = report->options.all_names ? REPORT_NAMES_ALL : REPORT_NAMES;
	char *copy = NULL;

	if (row->name_count == max || report->err != ERR_OK) {
		return;
	}
	if (row->names == NULL) {
		row->names = calloc(max, sizeof(char *));
	}
	if (row->names == NULL || bytes_dup_text(bytes_text(name), &copy) != ERR_OK) {
		report->err = ERR_NOMEM;
		return;
	}
	row->names[row->name_count++] = copy;
}

/* Whether it will not come in by row's certificate again: refused, or its time or that of the certificate is over. */
static bool is_past(
	const struct report *report, const struct report_row *row, const struct known_client *client)
{
	return client->refused || client->not_after < report->now || row->item.not_after < report->now;
}

/* The part of the table is locked: only what is ours is touched. */
static void on_known(void *ctx, const struct known_client *client)
{
	struct report *report = ctx;

	for (size_t i = 0; client->connected == 0 && i < report->row_count; i++) {
		struct report_row *row = &report->rows[i];

		if (is_trust(row) && strcmp(row->channel, client->channel) == 0 &&
			memcmp(row->item.sha256, client->trust_sha256, SHA256_BYTES) == 0) {
			if (is_past(report, row, client)) {
				row->refused++;
			} else {
				row->known++;
				add_name(report, row, client->client);
			}
		}
	}
}

static void on_counted(void *ctx, const struct cut_count *count)
{
	struct report *report = ctx;
	struct report_row *row = &report->rows[report->at];

	if (strcmp(count->channel, row->channel) == 0 && count->client == NULL) {
		row->cut = count->cut;
	} else if (strcmp(count->channel, row->channel) == 0) {
		add_name(report, row, count->client);
	}
}

static bool on_channel(void *ctx, const char *name, const struct material **material)
{
	struct report *report = ctx;

	if (strcmp(name, report->rows[report->at].channel) == 0) {
		*material = &report->material;
	}
	return true;
}

static struct proposal on_source(void *ctx)
{
	struct report *report = ctx;
	struct proposal source = control_in_force(report->control);

	source.channel = on_channel;
	source.ctx = report;
	return source;
}

static void count_next(struct report *report);

static void on_weighed(void *ctx, enum err err, const char *message)
{
	struct report *report = ctx;

	(void)message;
	report->err = report->err == ERR_OK ? err : report->err;
	report->at++;
	count_next(report);
}

/* The channel's trust but for this one certificate. */
static enum err trust_without(struct report *report, const struct trust_set *all, const uint8_t *sha256)
{
	size_t anchor_count = trust_set_anchor_count(all);
	size_t pin_count = trust_set_pin_count(all);
	const struct cert **anchors = calloc(anchor_count + 1, sizeof(*anchors));
	struct trust_pin *pins = calloc(pin_count + 1, sizeof(*pins));
	enum err err = anchors == NULL || pins == NULL ? ERR_NOMEM : ERR_OK;
	size_t a = 0;
	size_t p = 0;

	for (size_t i = 0; err == ERR_OK && i < anchor_count; i++) {
		const struct cert *cert = trust_set_anchor(all, i);

		if (memcmp(cert_sha256(cert), sha256, SHA256_BYTES) != 0) {
			anchors[a++] = cert;
		}
	}
	for (size_t i = 0; err == ERR_OK && i < pin_count; i++) {
		const char *name = NULL;
		const struct cert *cert = trust_set_pin(all, i, &name);

		if (memcmp(cert_sha256(cert), sha256, SHA256_BYTES) != 0) {
			pins[p++] = (struct trust_pin){cert, name};
		}
	}
	trust_set_unref(report->without);
	report->without = NULL;
	if (err == ERR_OK) {
		err = trust_set_new(
			anchors, a, pins, p, control_next_generation(report->control), &report->without);
	}
	free(anchors);
	free(pins);
	return err;
}

static void count_next(struct report *report)
{
	struct control *control = report->control;

	while (report->err == ERR_OK && report->at < report->row_count) {
		struct report_row *row = &report->rows[report->at];
		const struct channel *channel = control_channel(control, row->channel);

		if (!is_trust(row) || channel == NULL || channel->material.trust == NULL) {
			report->at++;
			continue;
		}
		report->err = trust_without(report, channel->material.trust, row->item.sha256);
		if (report->err != ERR_OK) {
			break;
		}
		report->material.trust = report->without;
		struct cut_question question = {.source = on_source,
			.done = on_weighed,
			.ctx = report,
			.counted = on_counted,
			.only_trust = row->item.sha256,
			.names_max = report->options.all_names ? REPORT_NAMES_ALL : REPORT_NAMES};

		control_weigh(control, &question);
		return;
	}
	if (report->err == ERR_OK) {
		known_each(control->shared->known, on_known, report);
	}
	report_end(report);
}

/* --- what there is --- */

static int by_expiry(const void *a, const void *b)
{
	const struct report_row *left = a;
	const struct report_row *right = b;

	if (left->item.not_after != right->item.not_after) {
		return left->item.not_after < right->item.not_after ? -1 : 1;
	}
	int order = strcmp(left->channel, right->channel);

	return order != 0 ? order : strcmp(left->item.alias, right->item.alias);
}

static enum err add_channel(struct report *report, const struct channel *channel)
{
	const struct inventory *inventory = &channel->material.inventory;
	struct report_row *grown =
		realloc(report->rows, (report->row_count + inventory->count + 1) * sizeof(*grown));
	enum err err = grown == NULL ? ERR_NOMEM : ERR_OK;

	if (err != ERR_OK) {
		return err;
	}
	report->rows = grown;
	for (size_t i = 0; err == ERR_OK && i < inventory->count; i++) {
		const struct inventory_item *item = &inventory->items[i];
		struct report_row *row = &report->rows[report->row_count];

		if (item->kind == KEYSTORE_OTHER || item->kind == KEYSTORE_KEPT) {
			continue; /* nothing is trusted by it, and nobody is served it */
		}
		*row = (struct report_row){.item = {.kind = item->kind, .not_after = item->not_after}};
		report->row_count++;
		memcpy(row->channel, channel->name, sizeof(row->channel));
		memcpy(row->item.sha256, item->sha256, SHA256_BYTES);
		err = bytes_dup_text(bytes_text(item->alias), &row->item.alias);
		if (err == ERR_OK) {
			err = bytes_dup_text(bytes_text(item->subject), &row->item.subject);
		}
	}
	return err;
}

void control_report(struct control *control, const struct report_options *options, report_fn done, void *ctx)
{
	struct report *report = calloc(1, sizeof(*report));

	if (report == NULL) {
		done(ctx, 2, bytes_text("The report could not be made: out of memory\n"));
		return;
	}
	report->control = control;
	report->options = *options;
	report->done = done;
	report->ctx = ctx;
	report->now = control_time_new(control);
	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);

		if (report->err == ERR_OK && channel->state == CHANNEL_RUNNING &&
			mqsc_generic_match(options->channel, channel->name)) {
			report->err = add_channel(report, channel);
		}
	}
	if (report->row_count > 0 && report->err == ERR_OK) {
		qsort(report->rows, report->row_count, sizeof(*report->rows), by_expiry);
	}
	count_next(report);
}
