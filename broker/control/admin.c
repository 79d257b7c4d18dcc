/*
 * admin.c - the operators' socket: one request, one reply, then it closes.
 * Owns:    directory/admin.sock (0600) and its clients.
 * Never:   serves another user than root and the broker's own.
 * Threads: the control loop.
 *
 * Request:  "lockgate-admin 1 KIND FLAGS LENGTH\n" and LENGTH bytes.   Reply: "CODE LENGTH\n" and LENGTH bytes.
 *
 * We poll and accept ourselves instead of using uv_listen(), as broker/net/listener.c does: while accept() fails for want of
 * descriptors, libuv may call back without end and never come back to the loop; and a client that we have no memory for, and
 * so do not accept, would be the last one that it tells us of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "broker/control/report.h"

#define HEAD_BYTES_MAX 128u

struct admin_client {
	struct list node;
	struct admin *admin;
	uv_pipe_t pipe;
	uv_write_t write;
	struct buf in, out, report;
	char head[64];
	size_t body_at, body_len;
	uint64_t serial;
	bool have_head, running, replied, closing;
	struct mqsc_script *script;
	struct mqsc_host host;
};

struct admin {
	struct control *control;
	uv_poll_t listener;
	int fd;                   /* that listens */
	struct wheel_timer again; /* behind an accept() that failed */
	struct list clients;
	unsigned client_count;
	uint64_t client_serial;
	char path[108];
	bool closing;
	unsigned open; /* handles, the listener included */
};

static void admin_release(struct admin *admin)
{
	admin->open--;
	if (admin->open == 0) {
		free(admin);
	}
}

static void on_client_closed(uv_handle_t *handle)
{
	struct admin_client *client = handle->data;
	struct admin *admin = client->admin;

	list_remove(&client->node);
	admin->client_count--;
	mqsc_script_free(client->script);
	buf_release(&client->in);
	buf_release(&client->out);
	buf_release(&client->report);
	free(client);
	admin_release(admin);
}

static void client_close(struct admin_client *client)
{
	if (!client->closing) {
		client->closing = true;
		uv_close((uv_handle_t *)&client->pipe, on_client_closed);
	}
}

static void on_written(uv_write_t *write, int status)
{
	(void)status;
	client_close(write->data);
}

static void reply(struct admin_client *client, int code)
{
	if (client->closing || client->replied) {
		return;
	}
	client->replied = true;
	client->out.len = 0;
	if (buf_printf(&client->out, "%d %zu\n", code, client->report.len) != ERR_OK ||
		buf_append(&client->out, buf_bytes(&client->report)) != ERR_OK) {
		client_close(client);
		return;
	}
	uv_buf_t out = uv_buf_init((char *)client->out.data, (unsigned)client->out.len);

	client->write.data = client;
	if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &out, 1, on_written) != 0) {
		client_close(client);
	}
}

static bool has_flag(const struct admin_client *client, const char *flag)
{
	return strstr(client->head, flag) != NULL;
}

/* --- mqsc --- */

struct finished {
	struct control *control;
	uint64_t client; /* looked up again: it may have gone, and the admin socket with it */
	int code;
};

static struct admin_client *find_client(struct admin *admin, uint64_t serial)
{
	if (admin == NULL) {
		return NULL;
	}
	LIST_FOR_EACH(node, &admin->clients)
	{
		struct admin_client *client = CONTAINER_OF(node, struct admin_client, node);

		if (client->serial == serial) {
			return client;
		}
	}
	return NULL;
}

/* The reply goes out when every worker serves under what the script changed. */
static void on_script_published(void *ctx, enum err err)
{
	struct finished *finished = ctx;
	struct control *control = finished->control;
	struct admin_client *client = find_client(control->admin, finished->client);

	if (client != NULL && err != ERR_OK) {
		enum err said = buf_printf(&client->report,
			"AMQ8101E: What was changed is not in force, the policy cannot be built: %s\n",
			control->publish_sentence);
		(void)said;
		finished->code = 20;
	}
	if (client != NULL) {
		reply(client, finished->code);
	}
	free(finished);
}

static void on_script_over(struct mqsc_script *script, void *ctx)
{
	struct admin_client *client = ctx;
	struct mqsc_summary summary;
	struct finished *finished = calloc(1, sizeof(*finished));

	mqsc_script_summary(script, &summary);
	if (finished == NULL || mqsc_summary_print(&summary, &client->report) != ERR_OK) {
		free(finished);
		client_close(client);
		return;
	}
	*finished =
		(struct finished){client->admin->control, client->serial, mqsc_summary_exit_code(&summary)};
	if (control_published(client->admin->control, on_script_published, finished) != ERR_OK) {
		on_script_published(finished, ERR_OK);
	}
}

static void run_mqsc(struct admin_client *client, struct bytes body)
{
	struct control *control = client->admin->control;
	struct mqsc_host host = control_host(control);
	struct mqsc_options options = {
		.source = "-",
		.echo = has_flag(client, "echo"),
		.verify_only = has_flag(client, "verify"),
		.insecure_test_gates = control->options->insecure_test_gates,
		.clock = control->clock,
	};

	client->host = host;
	if (mqsc_script_start(control->catalog, &client->host, &options, body, &client->report,
		    on_script_over, client, &client->script) != ERR_OK) {
		client_close(client);
	}
}

/* One at a time, since each may end its client. */
void admin_resume_scripts(struct control *control)
{
	uint64_t after = 0;
	bool more = control->admin != NULL;

	while (more) {
		struct admin_client *next = NULL;

		more = false;
		if (control->admin == NULL) {
			return;
		}
		LIST_FOR_EACH(node, &control->admin->clients)
		{
			struct admin_client *client = CONTAINER_OF(node, struct admin_client, node);

			if (client->script != NULL && !client->closing && client->serial > after &&
				(next == NULL || client->serial < next->serial)) {
				next = client;
			}
		}
		if (next != NULL) {
			after = next->serial;
			more = true;
			mqsc_script_resume(next->script);
		}
	}
}

void admin_end_scripts(struct control *control)
{
	struct admin *admin = control->admin;

	if (admin == NULL) {
		return;
	}
	LIST_FOR_EACH(node, &admin->clients)
	{
		struct admin_client *client = CONTAINER_OF(node, struct admin_client, node);

		if (client->script != NULL) {
			mqsc_script_free(client->script);
			client->script = NULL;
			if (buf_append_text(&client->report,
				    "AMQ8101E: The configuration was read again "
				    "meanwhile; run the command anew.\n") == ERR_OK) {
				reply(client, 20);
			} else {
				client_close(client);
			}
		}
	}
}

/* --- explain --- */

static void run_explain(struct admin_client *client, struct bytes body)
{
	struct control *control = client->admin->control;
	char *id = NULL;
	enum err err = bytes_dup_text(body, &id);
	int code = 0;

	if (err == ERR_OK && control->world != NULL) {
		err = refusals_explain(control->shared->refusals, id, world_policy(control->world),
			control_time_new(control), has_flag(client, "json"), &client->report);
	}
	if (err != ERR_OK) {
		code = 1;
		enum err said = buf_printf(&client->report,
			err == ERR_NOT_FOUND ? "No refusal of that id is kept; of the last, at most %u are.\n"
					     : "The refusal could not be explained (%u).\n",
			err == ERR_NOT_FOUND ? BROKER_REFUSALS_KEPT : (unsigned)err);
		(void)said;
	}
	free(id);
	reply(client, code);
}

/* --- keystore report --- */

static void on_reported(void *ctx, int code, struct bytes text)
{
	struct finished *finished = ctx;
	struct admin_client *client = find_client(finished->control->admin, finished->client);

	if (client != NULL && buf_append(&client->report, text) != ERR_OK) {
		client_close(client);
	} else if (client != NULL) {
		reply(client, code);
	}
	free(finished);
}

/* "DAYS few|all CHANNEL" */
static void run_report(struct admin_client *client, struct bytes body)
{
	struct control *control = client->admin->control;
	struct finished *finished = calloc(1, sizeof(*finished));
	struct report_options options = {.json = has_flag(client, "json")};
	char *text = NULL;
	char days[7] = "";
	char names[4] = "";

	if (finished == NULL || bytes_dup_text(body, &text) != ERR_OK ||
		sscanf(text, "%6[0-9] %3s %21s", days, names, options.channel) != 3) {
		free(finished);
		free(text);
		client_close(client);
		return;
	}
	free(text);
	options.within_days = strtol(days, NULL, 10);
	options.all_names = strcmp(names, "all") == 0;
	*finished = (struct finished){control, client->serial, 0};
	control_report(control, &options, on_reported, finished);
}

/* --- requests --- */

/* "lockgate-admin 1 KIND FLAGS LENGTH" */
static bool parse_head(struct admin_client *client)
{
	const char *newline = memchr(client->in.data, '\n', client->in.len);
	char line[HEAD_BYTES_MAX];

	if (newline == NULL) {
		return client->in.len < HEAD_BYTES_MAX;
	}
	size_t n = (size_t)(newline - (const char *)client->in.data);

	if (n >= sizeof(line)) {
		return false;
	}
	memcpy(line, client->in.data, n);
	line[n] = '\0';
	char kind[16];
	char flags[32];
	char digits[11]; /* ten at most: no overflow */

	if (sscanf(line, "lockgate-admin 1 %15s %31s %10[0-9]", kind, flags, digits) != 3) {
		return false;
	}
	unsigned long length = strtoul(digits, NULL, 10);

	if (length > BROKER_ADMIN_REQUEST_MAX) {
		return false;
	}
	(void)snprintf(client->head, sizeof(client->head), "%s %s", kind, flags);
	client->have_head = true;
	client->body_at = n + 1;
	client->body_len = length;
	return true;
}

static void run(struct admin_client *client)
{
	struct bytes body = bytes_of(client->in.data + client->body_at, client->body_len);

	client->running = true;
	if (strncmp(client->head, "mqsc ", 5) == 0) {
		run_mqsc(client, body);
	} else if (strncmp(client->head, "explain ", 8) == 0) {
		run_explain(client, body);
	} else if (strncmp(client->head, "report ", 7) == 0) {
		run_report(client, body);
	} else {
		client_close(client);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct admin_client *client = handle->data;

	(void)suggested;
	*out = uv_buf_init(NULL, 0);
	if (buf_reserve(&client->in, 65536) == ERR_OK) {
		*out = uv_buf_init((char *)client->in.data + client->in.len, 65536);
	}
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *in)
{
	struct admin_client *client = stream->data;

	(void)in;
	if (n == 0) {
		return;
	}
	if (n < 0) {
		client_close(client);
		return;
	}
	client->in.len += (size_t)n;
	if (!client->have_head && !parse_head(client)) {
		client_close(client);
		return;
	}
	if (client->have_head && !client->running && client->in.len - client->body_at >= client->body_len) {
		run(client);
	}
}

static bool peer_is_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* Takes fd. */
static void take_client(struct admin *admin, int fd)
{
	bool good = admin->client_count < BROKER_ADMIN_CLIENTS_MAX && peer_is_trusted(fd);
	struct admin_client *client = good ? calloc(1, sizeof(*client)) : NULL;

	if (client == NULL) {
		(void)close(fd);
		return;
	}
	client->admin = admin;
	client->serial = ++admin->client_serial;
	client->in = BUF_INIT(BROKER_ADMIN_REQUEST_MAX + 2u * 65536u);
	client->out = BUF_INIT(MQSC_OUTPUT_BYTES_MAX + 64u);
	client->report = BUF_INIT(MQSC_OUTPUT_BYTES_MAX);
	list_init(&client->node);
	(void)uv_pipe_init(net_control_loop(admin->control->shared->net), &client->pipe,
		0); /* without a socket it cannot fail */
	client->pipe.data = client;
	admin->open++;
	admin->client_count++;
	list_push_back(&admin->clients, &client->node);
	if (uv_pipe_open(&client->pipe, fd) != 0) {
		(void)close(fd);
		client_close(client);
	} else if (uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) != 0) {
		client_close(client);
	}
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void listen_on(struct admin *admin)
{
	(void)uv_poll_start(&admin->listener, UV_READABLE, on_connection);
}

static void on_again(struct wheel_timer *timer)
{
	listen_on(CONTAINER_OF(timer, struct admin, again));
}

/* Whoever waits is served when there are descriptors again. */
static void back_off(struct admin *admin)
{
	struct control *control = admin->control;

	(void)uv_poll_stop(&admin->listener);
	admin->again.fn = on_again;
	wheel_add(control->wheel, &admin->again, clock_mono_ms(&control->clock) + NET_ACCEPT_BACKOFF_MS);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct admin *admin = poll->data;

	(void)events;
	for (unsigned i = 0; status == 0 && i < BROKER_ADMIN_CLIENTS_MAX; i++) {
		int fd = accept4(admin->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take_client(admin, fd);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			status = -errno;
		}
	}
	if (status != 0) {
		back_off(admin);
	}
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct admin *admin = handle->data;

	(void)close(admin->fd);
	admin_release(admin);
}

/*
 * A socket that listens at path, 0600 from the first moment on: Linux gives the file the mode that the socket has. Not by
 * umask(), which is the whole process's: a folder that a lane makes meanwhile would be of no use to its owner. -1 with errno.
 */
static int listen_private(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd = -1;

	if (len >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || fchmod(fd, 0600) != 0 ||
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || chmod(path, 0600) != 0 ||
		listen(fd, BROKER_ADMIN_CLIENTS_MAX) != 0) {
		int error = errno;

		if (fd >= 0) {
			(void)close(fd);
		}
		errno = error;
		return -1;
	}
	return fd;
}

enum err admin_open(struct control *control, struct buf *why)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	enum err err = admin == NULL ? ERR_NOMEM : ERR_OK;

	if (err != ERR_OK) {
		return err;
	}
	admin->control = control;
	list_init(&admin->clients);
	int n = snprintf(admin->path, sizeof(admin->path), "%s/admin.sock", control->options->directory);

	if (n < 0 || (size_t)n >= sizeof(admin->path)) {
		free(admin);
		err = buf_printf(why,
			"the path of the data directory is too long for a socket in it (107 characters)");
		return err == ERR_OK ? ERR_LIMIT : err;
	}
	(void)unlink(admin->path); /* a broker that died; the directory's lock says that none is alive */
	admin->fd = listen_private(admin->path);
	int error = admin->fd < 0 ? uv_translate_sys_error(errno) : 0;

	if (error == 0) {
		error = uv_poll_init(net_control_loop(control->shared->net), &admin->listener, admin->fd);
	}
	if (error != 0) {
		err = buf_printf(
			why, "the admin socket %s cannot be opened: %s", admin->path, uv_strerror(error));
		if (admin->fd >= 0) {
			(void)close(admin->fd);
			(void)unlink(admin->path);
		}
		free(admin);
		return err == ERR_OK ? ERR_IO : err;
	}
	admin->listener.data = admin;
	admin->open = 1;
	control->admin = admin;
	listen_on(admin);
	return ERR_OK;
}

void admin_close(struct control *control)
{
	struct admin *admin = control->admin;

	if (admin == NULL) {
		return;
	}
	control->admin = NULL;
	admin->closing = true;
	LIST_FOR_EACH(node, &admin->clients)
	{
		struct admin_client *client = CONTAINER_OF(node, struct admin_client, node);

		mqsc_script_free(client->script); /* a command that it waits for ends for nobody */
		client->script = NULL;
		client_close(client);
	}
	(void)unlink(admin->path);
	wheel_cancel(control->wheel, &admin->again);
	uv_close((uv_handle_t *)&admin->listener, on_listener_closed);
}
