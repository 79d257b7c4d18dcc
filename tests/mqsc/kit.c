/*
 * kit.c - a catalog, a host that is none, and scripts run between them.
 * Owns:    see kit.h.
 * Never:   answers a command twice.
 * Threads: one.
 */
#include "tests/mqsc/kit.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static enum err on_allow(void *ctx, enum object_class class, const struct object *before,
	const struct object *after, struct buf *why)
{
	const struct kit *kit = ctx;

	(void)class;
	REQUIRE("allow() has one side", before != NULL || after != NULL);
	if (!kit->refuse_changes) {
		return ERR_OK;
	}
	enum err err = buf_append_text(why, "AMQ9514E: The host says no.");
	return err == ERR_OK ? ERR_BUSY : err;
}

static void on_changed(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	struct kit *kit = ctx;

	(void)class;
	REQUIRE("changed() has one side", before != NULL || after != NULL);
	kit->changes++;
	if (kit->free_in_callback != NULL) {
		mqsc_script_free(kit->free_in_callback);
		kit->free_in_callback = NULL;
		kit->script = NULL;
	}
}

void kit_answer(struct kit *kit)
{
	static const char *const list[] = {"eve", "a,b", "mallory"};
	struct mqsc_pending *pending = kit->waiting;

	kit->waiting = NULL;
	for (unsigned i = 0; i < kit->answer_rows; i++) {
		struct mqsc_row *row = mqsc_pending_row(pending, "CHANNEL", i == 0 ? "A" : "B");

		mqsc_row_text(row, "CHLTYPE", "MQTT");
		mqsc_row_text(row, "STATUS", i == 0 ? "RUNNING" : "DISCONNECTED");
		mqsc_row_number(row, "CONNECTIONS", 7 + (int64_t)i);
		mqsc_row_text(row, "CLIENTID", "d1) STATUS(RUNNING\x1b[2J'\xe2\x80\xae");
		mqsc_row_text(row, "CONNAME", NULL);
	}
	if (kit->answer_record) {
		struct chlauth_record record = {.profile = "A",
			.type = CHLAUTH_BLOCKUSER,
			.list = list,
			.list_count = ARRAY_COUNT(list),
			.description = "it's"};

		mqsc_pending_record(pending, &record);
	}
	mqsc_pending_done(pending, kit->answer_err, kit->answer_message);
}

static void on_runtime(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	static const char *const words[] = {
		"START", "STOP", "PURGE", "CHSTATUS", "REFRESH", "RUNCHECK", "AUTHSTATUS"};
	const char *const values[] = {request->channel, request->client_id, request->address,
		request->client_user, request->ssl_peer, request->ssl_issuer};
	struct kit *kit = ctx;
	size_t at = 0;

	at += (size_t)snprintf(kit->last_request, sizeof(kit->last_request), "%s", words[request->what]);
	for (size_t i = 0; i < ARRAY_COUNT(values) && at < sizeof(kit->last_request); i++) {
		at += (size_t)snprintf(kit->last_request + at, sizeof(kit->last_request) - at, " %.60s",
			values[i] == NULL ? "-" : values[i]);
	}
	kit->asked = request->what;
	REQUIRE("one command at a time", kit->waiting == NULL);
	kit->waiting = pending;
	if (kit->free_in_callback != NULL) {
		mqsc_script_free(kit->free_in_callback);
		kit->free_in_callback = NULL;
		kit->script = NULL;
	}
	if (kit->answer == KIT_AT_ONCE) {
		kit_answer(kit);
	}
}

static void on_over(struct mqsc_script *script, void *ctx)
{
	struct kit *kit = ctx;

	CHECK("done once", !kit->over);
	kit->over = true;
	mqsc_script_summary(script, &kit->summary);
}

void kit_init(struct kit *kit)
{
	*kit = (struct kit){.time = {0, INT64_C(1795035200123)}};
	kit->host = (struct mqsc_host){
		.allow = on_allow, .changed = on_changed, .runtime = on_runtime, .ctx = kit};
	kit->options = (struct mqsc_options){.source = "t.mqsc", .clock = clock_from_fake(&kit->time)};
	kit->report = BUF_INIT(KIT_REPORT_MAX);
	REQUIRE("a catalog", catalog_new(&kit->catalog) == ERR_OK);
}

void kit_end(struct kit *kit)
{
	mqsc_script_free(kit->script);
	if (kit->waiting != NULL) {
		kit_answer(kit);
	}
	buf_release(&kit->report);
	catalog_free(kit->catalog);
}

bool kit_run_bytes(struct kit *kit, struct bytes text)
{
	size_t max = kit->report.max;

	mqsc_script_free(kit->script);
	kit->script = NULL;
	buf_release(&kit->report);
	kit->report = BUF_INIT(max);
	kit->over = false;
	kit->summary = (struct mqsc_summary){0};
	enum err err = mqsc_script_start(
		kit->catalog, &kit->host, &kit->options, text, &kit->report, on_over, kit, &kit->script);

	while (err == ERR_OK && !kit->over && kit->answer == KIT_LATER && kit->waiting != NULL) {
		kit_answer(kit);
	}
	return err == ERR_OK;
}

bool kit_run(struct kit *kit, const char *text)
{
	return kit_run_bytes(kit, bytes_text(text));
}

const char *kit_text(struct kit *kit)
{
	const char *text = "";

	REQUIRE("the report as text", buf_text(&kit->report, &text) == ERR_OK);
	CHECK("a report is UTF-8", utf8_valid(buf_bytes(&kit->report)));
	return text;
}

void kit_print_catalog(const struct catalog *catalog, struct buf *out)
{
	for (enum object_class class = 0; class < OBJECT_CLASS_COUNT_; class ++) {
		size_t count;
		const struct attribute *attributes = object_attributes(class, &count);

		for (size_t i = 0; i < catalog_count(catalog, class); i++) {
			const struct object *object = catalog_at(catalog, class, i);

			REQUIRE("print", buf_printf(out, "%s %s", object_class_name(class),
						 object_name(object)) == ERR_OK);
			for (size_t a = 0; a < count; a++) {
				const char *key = attributes[a].key;

				for (size_t v = 0; v < object_list_count(object, key); v++) {
					REQUIRE("print", buf_printf(out, " %s=%s", key,
								 object_list_item(object, key, v)) == ERR_OK);
				}
			}
			REQUIRE("print", buf_append_text(out, "\n") == ERR_OK);
		}
	}
}

void kit_check_rows(const struct kit_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct kit_row *row = &rows[i];

		/* Both ways for a host to answer must give the same report. */
		for (enum kit_answer answer = KIT_AT_ONCE; answer <= KIT_LATER; answer++) {
			struct kit kit;

			kit_init(&kit);
			kit.answer = answer;
			if (row->setup != NULL) {
				REQUIRE(row->name, kit_run(&kit, row->setup));
				CHECK(row->name, mqsc_summary_exit_code(&kit.summary) == 0);
			}
			REQUIRE(row->name, kit_run(&kit, row->script));
			CHECK(row->name, kit.over);
			if (strcmp(kit_text(&kit), row->want) != 0) {
				CHECK(row->name, strcmp(kit_text(&kit), row->want) == 0);
				fprintf(stderr, "--- got\n%s--- want\n%s---\n", kit_text(&kit), row->want);
			}
			CHECK(row->name, (int)kit.summary.read == row->read);
			CHECK(row->name, (int)kit.summary.syntax_errors == row->syntax_errors);
			CHECK(row->name, (int)kit.summary.failed == row->failed);
			kit_end(&kit);
		}
	}
}
