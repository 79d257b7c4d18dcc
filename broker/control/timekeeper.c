/*
 * timekeeper.c - feeds the time guard: each second a look at the clocks, now and then the mark on disk.
 * Owns:    the guard, and the mark's file in the data directory.
 * Never:   blocks the loop on that file.
 * Threads: the control loop; the file on a lane, but at the start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "broker/control/control.h"

#define TICK_MS         1000u
#define MARK_BYTES_MAX  64u
#define MARK_PATH_BYTES 4096u

static enum err mark_path(const struct control *control, char out[MARK_PATH_BYTES])
{
	int n = snprintf(out, MARK_PATH_BYTES, "%s/time.mark", control->options->directory);

	return n < 0 || (size_t)n >= MARK_PATH_BYTES ? ERR_LIMIT : ERR_OK;
}

static void say(struct control *control, enum time_event event)
{
	int64_t wall_s = clock_wall_ms(&control->clock) / 1000;
	int64_t live_s = control_time_live(control);
	char clock[CLOCK_TEXT_BYTES] = "", live[CLOCK_TEXT_BYTES] = "", mark[CLOCK_TEXT_BYTES] = "";

	clock_format(wall_s * 1000, clock);
	clock_format(live_s * 1000, live);
	clock_format(control->time.mark_s * 1000, mark);
	switch (event) {
	case TIME_AS_BEFORE: return;
	case TIME_STEPPED_FORWARD:
		held_reload_pass(&control->held); /* this asks for REFRESH, too */
		LOG(control->log, LOG_ERROR, "LKG0420E",
			"the clock stepped forward: no live session ends by time until REFRESH SECURITY says "
			"that it "
			"is right",
			LF_TEXT("clock", clock), LF_TEXT("expected", live),
			LF_INT("step_seconds", wall_s - live_s));
		return;
	case TIME_BELIEVED:
		LOG(control->log, LOG_INFO, "LKG0421I", "the clock is believed again",
			LF_TEXT("clock", clock));
		return;
	case TIME_BEHIND:
		held_reload_pass(&control->held);
		LOG(control->log, LOG_ERROR, "LKG0422E",
			"the clock is behind the newest time seen; judgements go on from there until it is "
			"right",
			LF_TEXT("clock", clock), LF_TEXT("judged_by", live),
			LF_INT("behind_seconds", live_s - wall_s));
		return;
	case TIME_MARK_DOUBTED:
		LOG(control->log, LOG_ERROR, "LKG0423E",
			"the mark of the newest time seen is not believed: it is too far ahead, or cannot be "
			"read",
			LF_TEXT("clock", clock), LF_TEXT("mark", mark));
		return;
	}
}

/* --- the mark --- */

struct mark_job {
	struct job job;
	struct control *control;
	char path[MARK_PATH_BYTES];
	int64_t mark_s;
	enum err err;
};

static void mark_run(struct job *job)
{
	struct mark_job *mark = CONTAINER_OF(job, struct mark_job, job);
	struct buf text = BUF_INIT(MARK_BYTES_MAX);

	mark->err = time_mark_print(mark->mark_s, &text);
	if (mark->err == ERR_OK) {
		mark->err = file_write_atomic(mark->path, buf_bytes(&text), 0600);
	}
	buf_release(&text);
}

static void mark_done(struct job *job)
{
	struct mark_job *mark = CONTAINER_OF(job, struct mark_job, job);
	struct control *control = mark->control;

	control->marking = false;
	if (mark->err == ERR_OK) {
		time_guard_marked(&control->time, mark->mark_s);
	} else if (!control->mark_failed) {
		LOG(control->log, LOG_WARN, "LKG0424W", "the newest time seen cannot be kept",
			LF_TEXT("path", mark->path), LF_TEXT("why", err_name(mark->err)));
	}
	control->mark_failed = mark->err != ERR_OK;
	free(mark);
}

static void write_mark(struct control *control)
{
	int64_t mark_s = 0;
	struct mark_job *mark;

	if (control->marking || !time_guard_mark_due(&control->time, &mark_s)) {
		return;
	}
	mark = calloc(1, sizeof(*mark));
	if (mark == NULL) {
		return;
	}
	mark->job = (struct job){.run = mark_run, .done = mark_done};
	mark->control = control;
	mark->mark_s = mark_s;
	if (mark_path(control, mark->path) != ERR_OK ||
		executor_submit(&control->executor, LANE_FILE, &mark->job) != ERR_OK) {
		free(mark);
		return;
	}
	control->marking = true;
}

static void on_tick(struct wheel_timer *timer)
{
	struct control *control = CONTAINER_OF(timer, struct control, time_timer);

	say(control, time_guard_tick(
			     &control->time, clock_mono_ms(&control->clock), clock_wall_ms(&control->clock)));
	write_mark(control);
	refusals_tick(control->shared->refusals);
	wheel_add(control->wheel, timer, clock_mono_ms(&control->clock) + TICK_MS);
}

/* --- life --- */

enum err control_time_start(struct control *control)
{
	struct buf text = BUF_INIT(MARK_BYTES_MAX);
	char path[MARK_PATH_BYTES];
	int64_t mark_s = 0;
	enum err err = mark_path(control, path);
	enum time_event event;

	if (err == ERR_OK) {
		err = file_read(path, MARK_BYTES_MAX, &text);
	}
	bool there = err != ERR_NOT_FOUND;

	if (err == ERR_OK) {
		err = time_mark_parse(buf_bytes(&text), &mark_s);
	}
	buf_release(&text);
	if (err == ERR_NOMEM) {
		return err;
	}
	event = time_guard_start(&control->time, &control->shared->judging, clock_mono_ms(&control->clock),
		clock_wall_ms(&control->clock), mark_s);
	say(control, there && err != ERR_OK ? TIME_MARK_DOUBTED : event);
	control->time_timer.fn = on_tick;
	wheel_add(control->wheel, &control->time_timer, clock_mono_ms(&control->clock) + TICK_MS);
	return ERR_OK;
}

void control_time_stop(struct control *control)
{
	wheel_cancel(control->wheel, &control->time_timer);
}

int64_t control_time_new(const struct control *control)
{
	return judging_time_new(&control->shared->judging, clock_wall_ms(&control->clock));
}

int64_t control_time_live(const struct control *control)
{
	return judging_time_live(
		&control->shared->judging, clock_mono_ms(&control->clock), clock_wall_ms(&control->clock));
}

void control_time_accept(struct control *control, bool backward)
{
	bool doubted = control->time.suspended || control->time.behind;

	time_guard_accept(
		&control->time, clock_mono_ms(&control->clock), clock_wall_ms(&control->clock), backward);
	if (doubted && !control->time.behind) {
		say(control, TIME_BELIEVED);
	}
}
