/*
 * clients.c - keeps the known clients over a restart: DIRECTORY/clients.known, written whole now and then.
 * Owns:    that file.
 * Never:   blocks the loop on it, but at the start and at the very end.
 * Threads: the control loop; writing on a lane.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "broker/control/control.h"

#define WRITE_MS         60000u
#define KNOWN_PATH_BYTES 4096u
#define DAY_S            (24 * 3600)

struct known_job {
	struct job job;
	struct control *control;
	char path[KNOWN_PATH_BYTES];
	enum err err;
};

static enum err known_path(const struct control *control, char out[KNOWN_PATH_BYTES])
{
	int n = snprintf(out, KNOWN_PATH_BYTES, "%s/clients.known", control->options->directory);

	return n < 0 || (size_t)n >= KNOWN_PATH_BYTES ? ERR_LIMIT : ERR_OK;
}

static enum err write_known(struct known *known, const char *path)
{
	struct buf text = BUF_INIT(KNOWN_TEXT_BYTES_MAX);
	enum err err = known_print(known, &text);

	if (err == ERR_OK) {
		err = file_write_atomic(path, buf_bytes(&text), 0600);
	}
	buf_release(&text);
	return err;
}

static void known_run(struct job *job)
{
	struct known_job *write = CONTAINER_OF(job, struct known_job, job);

	write->err = write_known(write->control->shared->known, write->path);
}

static void known_done(struct job *job)
{
	struct known_job *write = CONTAINER_OF(job, struct known_job, job);
	struct control *control = write->control;

	control->knowing = false;
	if (write->err != ERR_OK && !control->known_failed) {
		LOG(control->log, LOG_WARN, "LKG0425W", "the known clients cannot be kept",
			LF_TEXT("path", write->path), LF_TEXT("why", err_name(write->err)));
	}
	control->known_failed = write->err != ERR_OK;
	free(write);
}

static void on_turn(struct wheel_timer *timer)
{
	struct control *control = CONTAINER_OF(timer, struct control, known_timer);
	struct known_job *write =
		control->knowing || !known_changed(control->shared->known) ? NULL : calloc(1, sizeof(*write));

	if (write != NULL) {
		write->job = (struct job){.run = known_run, .done = known_done};
		write->control = control;
		if (known_path(control, write->path) == ERR_OK &&
			executor_submit(&control->executor, LANE_FILE, &write->job) == ERR_OK) {
			control->knowing = true;
		} else {
			free(write);
		}
	}
	wheel_add(control->wheel, timer, clock_mono_ms(&control->clock) + WRITE_MS);
}

void control_clients_start(struct control *control)
{
	struct buf text = BUF_INIT(KNOWN_TEXT_BYTES_MAX);
	char path[KNOWN_PATH_BYTES] = "";
	enum err err = known_path(control, path);

	if (err == ERR_OK) {
		err = file_read(path, KNOWN_TEXT_BYTES_MAX, &text);
	}
	if (err == ERR_OK) {
		err = known_parse(control->shared->known, buf_bytes(&text),
			control_time_new(control) - (int64_t)KNOWN_DAYS * DAY_S);
	}
	if (err != ERR_OK && err != ERR_NOT_FOUND) {
		LOG(control->log, LOG_WARN, "LKG0426W",
			"the file of known clients is not good; they are learned anew", LF_TEXT("path", path),
			LF_TEXT("why", err_name(err)));
	}
	buf_release(&text);
	control->known_timer.fn = on_turn;
	wheel_add(control->wheel, &control->known_timer, clock_mono_ms(&control->clock) + WRITE_MS);
}

void control_clients_stop(struct control *control)
{
	wheel_cancel(control->wheel, &control->known_timer);
}

void control_clients_end(struct control *control)
{
	char path[KNOWN_PATH_BYTES];

	if (control->shared->known != NULL && known_changed(control->shared->known) &&
		known_path(control, path) == ERR_OK) {
		enum err err = write_known(control->shared->known, path);

		if (err != ERR_OK) {
			LOG(control->log, LOG_WARN, "LKG0425W", "the known clients cannot be kept",
				LF_TEXT("path", path), LF_TEXT("why", err_name(err)));
		}
	}
}
