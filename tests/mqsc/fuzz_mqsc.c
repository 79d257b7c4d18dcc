/*
 * fuzz_mqsc.c - fuzz target: mqsc_script_start and all that it reaches (lexer, parser, tables, catalog, display), with a host
 *               that answers at once, later or never.
 * Owns:    a catalog and a host for each input.
 * Never:   leaves a control character, or what is not UTF-8, in a report.
 * Threads: one.
 *
 * The first byte says how the host answers and which options are on; the rest is the script.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "mqsc/mqsc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct fuzz_host {
	unsigned mode; /* 0: at once, 1: later, 2: never */
	struct mqsc_pending *waiting;
	bool over;
};

static void require(bool good)
{
	if (!good) {
		abort();
	}
}

static void answer(struct fuzz_host *host)
{
	struct mqsc_pending *pending = host->waiting;
	struct mqsc_row *row = mqsc_pending_row(pending, "CHANNEL", "A");

	host->waiting = NULL;
	mqsc_row_text(row, "STATUS", "RUNNING");
	mqsc_row_number(row, "CONNECTIONS", 3);
	mqsc_row_text(row, "CLIENTID", "d') \x1b\xff\xe2\x80\xae");
	mqsc_pending_done(pending, ERR_OK, NULL);
}

static void on_changed(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	(void)ctx;
	(void)class;
	require(before != NULL || after != NULL);
}

static void on_runtime(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	struct fuzz_host *host = ctx;

	require(request->channel != NULL && host->waiting == NULL);
	host->waiting = pending;
	if (host->mode == 0) {
		answer(host);
	}
}

static void on_over(struct mqsc_script *script, void *ctx)
{
	struct fuzz_host *host = ctx;

	(void)script;
	require(!host->over);
	host->over = true;
}

static void check_report(const struct buf *report)
{
	struct buf escaped = BUF_INIT(64u << 20);

	require(utf8_valid(buf_bytes(report)));
	for (size_t i = 0; i < report->len; i++) {
		require(report->data[i] == '\n' || (report->data[i] >= 0x20 && report->data[i] != 0x7f));
	}
	/* But for line ends and backslashes, each of which would become four characters, nothing is left to escape. */
	size_t more = 0;

	for (size_t i = 0; i < report->len; i++) {
		more += report->data[i] == '\\' || report->data[i] == '\n' ? 3 : 0;
	}
	require(utf8_escape(&escaped, buf_bytes(report)) == ERR_OK);
	require(escaped.len == report->len + more);
	buf_release(&escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_host state = {.mode = len > 0 ? data[0] % 3u : 0};
	struct mqsc_host host = {.changed = on_changed, .runtime = on_runtime, .ctx = &state};
	struct clock_fake time = {0, INT64_C(1795035200123)};
	struct mqsc_options options = {.source = "fuzz",
		.echo = len > 0 && (data[0] & 0x10u) != 0,
		.verify_only = len > 0 && (data[0] & 0x20u) != 0,
		.insecure_test_gates = true,
		.clock = clock_from_fake(&time)};
	struct buf report = BUF_INIT(1u << 20);
	struct mqsc_script *script = NULL;
	struct mqsc_summary summary;
	struct catalog *catalog = NULL;

	require(catalog_new(&catalog) == ERR_OK);
	require(mqsc_script_start(catalog, &host, &options,
			bytes_of(len > 0 ? data + 1 : NULL, len > 0 ? len - 1 : 0), &report, on_over, &state,
			&script) == ERR_OK);
	while (state.mode == 1 && state.waiting != NULL) {
		answer(&state);
	}
	require(state.over == (state.waiting == NULL));
	mqsc_script_summary(script, &summary);
	require(summary.syntax_errors + summary.failed <= summary.read + 1);
	check_report(&report);
	mqsc_script_free(script);
	if (state.waiting != NULL) {
		answer(&state);
	}
	catalog_free(catalog);
	buf_release(&report);
	return 0;
}
