/*
 * cut.c - the cut guard: how many live sessions would a change close, and is that more than the operator lets it?
 * Owns:    one weighing at a time, and those that wait for it.
 * Never:   lets a change through that it could not count, or counted under another policy than it would come into; holds
 *          anything else up, a revocation list least of all.
 * Threads: the control loop; the counting runs on the workers.
 *
 * The limit is that of the world in force: CUTMAX percent of a channel's live sessions, but never fewer than CUT_FLOOR.
 * Each channel is held against its own.
 *
 * Lists, accounts and keystores are published while something is counted. Then the count is of no use any more: a change that
 * was harmless under the old lists may close many under the new ones. So it is counted anew, upon what is in force then, until
 * nothing has changed from the beginning of a count to its end, or the time for it is over. Nothing that was built for
 * counting is ever published: who is answered ERR_OK builds again, from what is newest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/control/control.h"
#include "broker/weigh.h"

#define CUT_FLOOR       10u /* so many may always be closed */
#define CUT_WAITING_MAX 64u /* questions that wait for their turn */
#define CUT_PATIENCE_MS                                                                                      \
	10000u /* then it counts as not counted; at most one count in BROKER_PUBLISH_MS begins anew */
#define STOPPING     "the broker is stopping"
#define CUT_TALLY_MS 250u /* closings of so long are one event */

struct weighing {
	struct cut_guard *guard;
	struct cut_question question;
	struct world *before, *proposed;
	struct weigh_task *tasks;
	unsigned due;         /* tasks that are not back */
	unsigned counts;      /* that were begun */
	bool waits;           /* for a world to be published; nothing is counted */
	bool late;            /* the time is over */
	atomic_bool given_up; /* by the count under way: it is late, or begins anew */
	struct wheel_timer patience;
};

struct cut_guard {
	struct control *control;
	struct weighing *now; /* NULL: none */
	struct cut_question waiting[CUT_WAITING_MAX];
	size_t waiting_count;
	uint64_t serial;
	/* What judging again has closed of late, over all workers. */
	struct wheel_timer tally;
	struct closed_letter closed;
};

static bool cut_exceeds(unsigned long cut, unsigned long live, unsigned percent)
{
	return cut > CUT_FLOOR && cut * 100 > live * percent;
}

/* --- the alarm: what acts at once (a revocation list, the accounts) or was forced may close many, too --- */

static void on_tally(struct wheel_timer *timer)
{
	struct cut_guard *guard = CONTAINER_OF(timer, struct cut_guard, tally);
	struct control *control = guard->control;

	for (size_t i = 0; i < guard->closed.count; i++) {
		const char *name = guard->closed.rows[i].channel;
		unsigned long closed = guard->closed.rows[i].closed;
		const struct channel *channel = control_channel(control, name);
		const struct object *object = catalog_find(control_catalog(control), OBJECT_CHANNEL, name);
		unsigned long left = channel == NULL || channel->listener == NULL
					     ? 0
					     : listener_staying(channel->listener);

		if (object != NULL &&
			cut_exceeds(closed, closed + left, (unsigned)object_number(object, "CUTMAX"))) {
			LOG(control->log, LOG_WARN, "LKG0419W",
				"many live sessions were closed by a new judgement", LF_TEXT("channel", name),
				LF_INT("closed", closed), LF_INT("left", left));
		}
	}
	guard->closed.count = 0;
}

static void on_closed(struct mail *mail, unsigned at)
{
	struct closed_letter *letter = CONTAINER_OF(mail, struct closed_letter, mail);
	struct cut_guard *guard = letter->ctx;
	struct control *control = guard->control;
	struct closed_letter *sum = &guard->closed;

	(void)at;
	for (size_t i = 0; i < letter->count; i++) {
		size_t j = 0;

		while (j < sum->count && strcmp(sum->rows[j].channel, letter->rows[i].channel) != 0) {
			j++;
		}
		if (j == sum->count && j < WORKER_CLOSED_CHANNELS_MAX) {
			sum->rows[sum->count++] = letter->rows[i];
		} else if (j < sum->count) {
			sum->rows[j].closed += letter->rows[i].closed;
		}
	}
	free(letter);
	if (!control->stopping && !wheel_timer_pending(&guard->tally)) {
		guard->tally.fn = on_tally;
		wheel_add(control->wheel, &guard->tally, clock_mono_ms(&control->clock) + CUT_TALLY_MS);
	}
}

enum err cut_guard_new(struct control *control)
{
	control->guard = calloc(1, sizeof(*control->guard));
	if (control->guard == NULL) {
		return ERR_NOMEM;
	}
	control->guard->control = control;
	control->shared->on_closed = on_closed;
	control->shared->closed_ctx = control->guard;
	return ERR_OK;
}

static void weighing_clear(struct weighing *weighing)
{
	unsigned workers = net_worker_count(weighing->guard->control->shared->net);

	for (unsigned at = 0; weighing->tasks != NULL && at < workers; at++) {
		weigh_task_deinit(&weighing->tasks[at]);
	}
	free(weighing->tasks);
	weighing->tasks = NULL;
	world_unref(weighing->before);
	world_unref(weighing->proposed);
	weighing->before = NULL;
	weighing->proposed = NULL;
}

static void weighing_free(struct weighing *weighing)
{
	if (weighing != NULL) {
		wheel_cancel(weighing->guard->control->wheel, &weighing->patience);
		weighing_clear(weighing);
		free(weighing);
	}
}

void cut_guard_stop(struct control *control)
{
	struct cut_guard *guard = control->guard;

	if (guard->now != NULL) {
		wheel_cancel(control->wheel, &guard->now->patience); /* it is answered here, and once */
		atomic_store(&guard->now->given_up, true);
		guard->now->question.done(guard->now->question.ctx, ERR_STATE, STOPPING);
	}
	for (size_t i = 0; i < guard->waiting_count; i++) {
		guard->waiting[i].done(guard->waiting[i].ctx, ERR_STATE, STOPPING);
	}
	guard->waiting_count = 0;
}

void cut_guard_free(struct control *control)
{
	if (control->guard != NULL) {
		wheel_cancel(control->wheel, &control->guard->tally);
		weighing_free(control->guard->now);
		free(control->guard);
		control->guard = NULL;
	}
}

bool cut_guard_busy(const struct control *control)
{
	return control->guard->now != NULL || control->guard->waiting_count > 0;
}

/* --- the answer --- */

static void add_counts(const struct weighing *weighing, size_t channel, struct weigh_count *out)
{
	unsigned workers = net_worker_count(weighing->guard->control->shared->net);

	*out = (struct weigh_count){0, 0};
	for (unsigned at = 0; at < workers; at++) {
		out->live += weighing->tasks[at].counts[channel].live;
		out->cut += weighing->tasks[at].counts[channel].cut;
	}
}

static enum err say_names(const struct weighing *weighing, size_t channel, unsigned long cut, struct buf *out)
{
	unsigned workers = net_worker_count(weighing->guard->control->shared->net);
	unsigned long said = 0;
	enum err err = ERR_OK;

	for (unsigned at = 0; at < workers; at++) {
		const struct weigh_task *task = &weighing->tasks[at];

		for (size_t i = 0; err == ERR_OK && i < task->name_count && said < WEIGH_NAMES_MAX; i++) {
			if (task->names[i].channel == channel) {
				err = buf_printf(out, "%s%s (%s)", said == 0 ? "" : ", ",
					task->names[i].client, admission_step_name(task->names[i].step));
				said++;
			}
		}
	}
	if (err == ERR_OK && said < cut) {
		err = buf_printf(out, " and %lu more", cut - said);
	}
	return err;
}

/* Appends a sentence for each channel of which too many would be closed; their number. */
static size_t say_excess(const struct weighing *weighing, struct buf *out)
{
	size_t exceeded = 0;
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < world_channel_count(weighing->before); i++) {
		const struct world_channel *channel = world_channel_at(weighing->before, i);
		struct weigh_count count;

		add_counts(weighing, i, &count);
		if (!cut_exceeds(count.cut, count.live, channel->cut_percent)) {
			continue;
		}
		exceeded++;
		err = buf_printf(out, "%s%lu of %lu sessions of channel %s would be closed, CUTMAX(%u): ",
			exceeded == 1 ? "" : "; ", count.cut, count.live, channel->name,
			channel->cut_percent);
		if (err == ERR_OK) {
			err = say_names(weighing, i, count.cut, out);
		}
	}
	return exceeded;
}

static void start_next(struct cut_guard *guard);

/* The question is answered; whoever waits is next. */
static void answer(
	struct cut_guard *guard, const struct cut_question *question, enum err err, const char *message)
{
	struct control *control = guard->control;

	question->done(question->ctx, err, message);
	if (control->stopping) {
		return;
	}
	start_next(guard);
	if (!cut_guard_busy(control)) {
		admin_resume_scripts(control);
	}
}

static void weighing_end(struct weighing *weighing, enum err err, const char *message)
{
	struct cut_guard *guard = weighing->guard;
	struct cut_question question = weighing->question;

	guard->now = NULL;
	weighing_free(weighing);
	answer(guard, &question, err, message);
}

static enum err begin(struct weighing *weighing, struct auth_error *error);

/* For who only asks. */
static void tell_counts(const struct weighing *weighing)
{
	unsigned workers = net_worker_count(weighing->guard->control->shared->net);

	for (size_t i = 0; i < world_channel_count(weighing->before); i++) {
		struct cut_count count = {.channel = world_channel_at(weighing->before, i)->name};
		struct weigh_count sum;

		add_counts(weighing, i, &sum);
		count.live = sum.live;
		count.cut = sum.cut;
		weighing->question.counted(weighing->question.ctx, &count);
		for (unsigned at = 0; at < workers; at++) {
			const struct weigh_task *task = &weighing->tasks[at];

			for (size_t n = 0; n < task->name_count; n++) {
				struct cut_count name = {
					.channel = count.channel, .client = task->names[n].client};

				if (task->names[n].channel == i) {
					weighing->question.counted(weighing->question.ctx, &name);
				}
			}
		}
	}
}

/* What was changed since is published soon, and is none of the proposal's doing: the count must not begin before. */
static bool must_wait(const struct control *control)
{
	return control->dirty && !control->publish_failed;
}

static void weighing_late(struct weighing *weighing)
{
	char text[160];

	(void)snprintf(text, sizeof(text),
		weighing->counts > 1
			? "what it would close could not be counted in time; %u counts were begun, since "
			  "lists or accounts changed meanwhile"
			: "what it would close could not be counted in time",
		weighing->counts);
	weighing_end(weighing, ERR_UNKNOWN, text);
}

/* Once nothing is on its way to be published. */
static void count_anew(struct weighing *weighing)
{
	struct auth_error error = {0};

	weighing_clear(weighing);
	atomic_store(&weighing->given_up, false);
	weighing->waits = must_wait(weighing->guard->control);
	enum err err = weighing->waits ? ERR_OK : begin(weighing, &error);

	if (err != ERR_OK) {
		weighing_end(weighing, err, error.sentence[0] != '\0' ? error.sentence : err_name(err));
	}
}

void cut_guard_world(struct control *control)
{
	struct weighing *weighing = control->guard == NULL ? NULL : control->guard->now;

	if (weighing == NULL) {
		return;
	}
	if (weighing->waits) {
		count_anew(weighing);
	} else if (control->world != weighing->before) {
		atomic_store(&weighing->given_up, true); /* so that its tasks come back sooner */
	}
}

static void weighing_counted(struct weighing *weighing)
{
	struct control *control = weighing->guard->control;
	unsigned workers = net_worker_count(control->shared->net);
	struct buf text = BUF_INIT(16384);
	const char *message = NULL;
	enum err err = ERR_OK;

	if (weighing->late) {
		weighing_late(weighing);
		return;
	}
	if (atomic_load(&weighing->given_up) || control->world != weighing->before || must_wait(control)) {
		count_anew(weighing);
		return;
	}
	for (unsigned at = 0; at < workers && err == ERR_OK; at++) {
		err = weighing->tasks[at].err;
	}
	if (err != ERR_OK) {
		message = "what it would close could not be counted";
	} else if (weighing->question.counted != NULL) {
		tell_counts(weighing);
	} else if (say_excess(weighing, &text) > 0) {
		err = ERR_BUSY;
		if (buf_text(&text, &message) != ERR_OK) {
			message = "it would close more sessions than CUTMAX lets it";
		}
	}
	weighing_end(weighing, err, message);
	buf_release(&text);
}

static void on_back(struct mail *mail, unsigned at)
{
	struct weigh_task *task = CONTAINER_OF(mail, struct weigh_task, mail);
	struct weighing *weighing = task->asker;

	(void)at;
	weighing->due--;
	if (weighing->due == 0 && !weighing->guard->control->stopping) {
		weighing_counted(weighing);
	}
}

static void on_patience(struct wheel_timer *timer)
{
	struct weighing *weighing = CONTAINER_OF(timer, struct weighing, patience);

	weighing->late = true;
	if (weighing->waits) {
		weighing_late(weighing);
	} else {
		atomic_store(&weighing->given_up, true); /* the workers see it and answer */
	}
}

/* --- the question --- */

static unsigned long live_sessions(const struct control *control)
{
	unsigned long live = 0;

	for (unsigned at = 0; at < net_worker_count(control->shared->net); at++) {
		live += atomic_load_explicit(&control->shared->workers[at].live, memory_order_relaxed);
	}
	return live;
}

static enum err begin(struct weighing *weighing, struct auth_error *error)
{
	struct cut_guard *guard = weighing->guard;
	struct control *control = guard->control;
	unsigned workers = net_worker_count(control->shared->net);
	struct proposal source = weighing->question.source(weighing->question.ctx);
	enum err err = control_build_world(control, &source, &weighing->proposed, error);

	weighing->counts++;
	if (err != ERR_OK) {
		return err;
	}
	weighing->before = world_ref(control->world);
	weighing->tasks = calloc(workers, sizeof(*weighing->tasks));
	if (weighing->tasks == NULL) {
		return ERR_NOMEM;
	}
	guard->serial++;
	for (unsigned at = 0; at < workers && err == ERR_OK; at++) {
		weighing->tasks[at] = (struct weigh_task){
			.shared = control->shared,
			.before = weighing->before,
			.proposed = weighing->proposed,
			.serial = guard->serial,
			.now = weighing->question.now != 0 ? weighing->question.now
							   : control_time_live(control),
			.judge_all = weighing->question.judge_all,
			.crl_free = weighing->question.crl_free,
			.only_trust = weighing->question.only_trust,
			.names_max = weighing->question.names_max > WEIGH_NAMES_MAX
					     ? weighing->question.names_max
					     : WEIGH_NAMES_MAX,
			.given_up = &weighing->given_up,
			.asker = weighing,
			.back = on_back,
		};
		err = weigh_task_init(&weighing->tasks[at]);
	}
	if (err != ERR_OK) {
		return err;
	}
	weighing->due = workers;
	for (unsigned at = 0; at < workers; at++) {
		weigh_task_send(&weighing->tasks[at], at);
	}
	return ERR_OK;
}

/* So few sessions that no change can close too many: what is left to see is whether a world can be built. */
static enum err build_only(
	struct control *control, const struct cut_question *question, struct auth_error *error)
{
	struct proposal source = question->source(question->ctx);
	struct world *world = NULL;
	enum err err = control_build_world(control, &source, &world, error);

	world_unref(world);
	return err;
}

static void start(struct cut_guard *guard, const struct cut_question *question)
{
	struct control *control = guard->control;
	struct weighing *weighing = NULL;
	struct auth_error error = {0};
	enum err err = ERR_OK;

	if (control->world == NULL) {
		answer(guard, question, ERR_OK, NULL); /* nobody was ever let in */
		return;
	}
	if (question->counted == NULL && live_sessions(control) <= CUT_FLOOR) {
		err = build_only(control, question, &error);
		answer(guard, question, err, err == ERR_OK ? NULL : error.sentence);
		return;
	}
	weighing = calloc(1, sizeof(*weighing));
	if (weighing == NULL) {
		answer(guard, question, ERR_NOMEM, "out of memory");
		return;
	}
	weighing->guard = guard;
	weighing->question = *question;
	atomic_init(&weighing->given_up, false);
	weighing->patience.fn = on_patience;
	weighing->waits = must_wait(control);
	err = weighing->waits ? ERR_OK : begin(weighing, &error);
	if (err != ERR_OK) {
		weighing_free(weighing);
		answer(guard, question, err, error.sentence[0] != '\0' ? error.sentence : err_name(err));
		return;
	}
	guard->now = weighing;
	wheel_add(control->wheel, &weighing->patience, clock_mono_ms(&control->clock) + CUT_PATIENCE_MS);
}

static void start_next(struct cut_guard *guard)
{
	if (guard->now != NULL || guard->waiting_count == 0) {
		return;
	}
	struct cut_question next = guard->waiting[0];

	guard->waiting_count--;
	memmove(&guard->waiting[0], &guard->waiting[1], guard->waiting_count * sizeof(next));
	start(guard, &next);
}

bool cut_may_force(enum err err)
{
	return err == ERR_BUSY || err == ERR_UNKNOWN;
}

void control_weigh(struct control *control, const struct cut_question *question)
{
	struct cut_guard *guard = control->guard;

	if (control->stopping) {
		question->done(question->ctx, ERR_STATE, STOPPING);
		return;
	}
	if (guard->now == NULL && guard->waiting_count == 0) {
		start(guard, question);
		return;
	}
	if (guard->waiting_count == CUT_WAITING_MAX) {
		question->done(question->ctx, ERR_UNKNOWN, "too many changes wait to be weighed");
		return;
	}
	guard->waiting[guard->waiting_count++] = *question;
}
