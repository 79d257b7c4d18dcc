/*
 * signals.c - SIGTERM and SIGINT stop, SIGHUP reads everything again.
 * Owns:    the signal handles.
 * Never:   does more in a handler than start what the loop goes on with.
 * Threads: the control loop.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "broker/control/control.h"

#define SENTENCES_BYTES_MAX (128u * 1024u) /* each line end of what apply.c says becomes two characters */
#define APPLY_SOON_MS       200u           /* time for the answer to whoever asked for it */

struct signals {
	struct control *control;
	uv_signal_t handles[3];
	unsigned open;
	bool closing;
};

/* A report has lines, a log entry is one. ERR_NOMEM, ERR_LIMIT. */
static enum err one_line(const char *text, struct buf *out)
{
	enum err err = ERR_OK;

	while (err == ERR_OK && *text != '\0') {
		size_t len = strcspn(text, "\n");
		size_t kept = len;

		while (kept > 0 && (text[kept - 1] == ' ' || text[kept - 1] == '\r')) {
			kept--;
		}
		if (kept > 0 && out->len > 0) {
			err = buf_append_text(out, "; ");
		}
		err = err == ERR_OK ? buf_append(out, bytes_of(text, kept)) : err;
		text += len + (text[len] == '\n' ? 1 : 0);
	}
	return err;
}

static void on_reloaded(void *ctx, enum err err, const char *message)
{
	struct control *control = ctx;
	struct buf line = BUF_INIT(SENTENCES_BYTES_MAX);
	const char *why = err_name(err);

	if (control->stopping) {
		return;
	}
	if (message != NULL && (one_line(message, &line) != ERR_OK || buf_text(&line, &why) != ERR_OK)) {
		why = message;
	}
	if (err == ERR_OK) {
		LOG(control->log, LOG_INFO, "LKG0409I", "configuration read again and in force",
			LF_TEXT("note", message == NULL ? "" : why));
	} else if (control->apply_committed) {
		LOG(control->log, LOG_ERROR, "LKG0412E", "configuration in force, but not all of it",
			LF_TEXT("why", why));
	} else {
		LOG(control->log, LOG_ERROR, "LKG0410E", "configuration not taken; what was in force stays",
			LF_TEXT("why", why));
	}
	buf_release(&line);
	control_apply_again(control);
}

void control_apply_again(struct control *control)
{
	if (control->apply_again && !control->stopping) {
		control->apply_again = false;
		control_apply(control, on_reloaded, control);
	}
}

static void on_soon(struct wheel_timer *timer)
{
	struct control *control = CONTAINER_OF(timer, struct control, apply_timer);

	if (control->apply == NULL) {
		control_apply_again(control);
	}
}

void control_apply_soon(struct control *control)
{
	control->apply_timer.fn = on_soon;
	wheel_add(control->wheel, &control->apply_timer, clock_mono_ms(&control->clock) + APPLY_SOON_MS);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct signals *signals = handle->data;

	if (signum == SIGHUP) {
		if (log_reopen(signals->control->log) != ERR_OK) {
			LOG(signals->control->log, LOG_WARN, "LKG0411W",
				"the log file could not be opened again", LF_TEXT("why", "see its folder"));
		}
		/* One that is under way has perhaps read the old files: once more, then. */
		signals->control->apply_again = true;
		if (signals->control->apply == NULL) {
			control_apply_again(signals->control);
		}
	} else {
		control_quit(signals->control);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct signals *signals = handle->data;

	signals->open--;
	if (signals->open == 0) {
		free(signals);
	}
}

enum err signals_open(struct control *control)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct signals *signals = calloc(1, sizeof(*signals));

	if (signals == NULL) {
		return ERR_NOMEM;
	}
	signals->control = control;
	control->signals = signals;
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		if (uv_signal_init(net_control_loop(control->shared->net), &signals->handles[i]) != 0) {
			return ERR_NOMEM;
		}
		signals->handles[i].data = signals;
		signals->open++;
		if (uv_signal_start(&signals->handles[i], on_signal, numbers[i]) != 0) {
			return ERR_IO;
		}
	}
	return ERR_OK;
}

void signals_close(struct control *control)
{
	struct signals *signals = control->signals;

	if (signals == NULL || signals->closing) {
		return;
	}
	signals->closing = true;
	wheel_cancel(control->wheel, &control->apply_timer);
	control->signals = NULL;
	unsigned count = signals->open;

	if (count == 0) {
		free(signals);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		uv_close((uv_handle_t *)&signals->handles[i], on_closed);
	}
}
