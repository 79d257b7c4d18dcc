/*
 * harness.c - see harness.h.
 * Owns:    the folder and the broker's process.
 * Never:   leaves a process behind: children ask the kernel to be killed with us.
 * Threads: the test's main thread.
 */
#include "tests/e2e/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 48

long e2e_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void e2e_pause(void)
{
	struct timespec rest = {0, 4 * 1000 * 1000};

	(void)nanosleep(&rest, NULL);
}

bool e2e_program_there(const char *name)
{
	const char *path = getenv("PATH");
	char full[1024];

	while (path != NULL && *path != '\0') {
		int len = (int)strcspn(path, ":");
		int n = snprintf(full, sizeof(full), "%.*s/%s", len, path, name);

		if (n > 0 && (size_t)n < sizeof(full) && access(full, X_OK) == 0) {
			return true;
		}
		path += len;
		path += *path == ':' ? 1 : 0;
	}
	return false;
}

/* --- files --- */

const char *site_path(const struct site *site, const char *name)
{
	return test_path(site->root, name);
}

static void write_bytes(const char *path, struct buf *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(path, fd >= 0);
	REQUIRE(path, write(fd, content->data == NULL ? (const uint8_t *)"" : content->data, content->len) ==
			      (ssize_t)content->len);
	(void)close(fd);
}

void site_write(struct site *site, const char *name, const char *text)
{
	struct buf out = BUF_INIT(4u << 20);
	enum err err = ERR_OK;

	while (*text != '\0' && err == ERR_OK) {
		const char *mark = strstr(text, "@ROOT@");
		size_t len = mark == NULL ? strlen(text) : (size_t)(mark - text);

		err = buf_append(&out, bytes_of(text, len));
		text += len;
		if (mark != NULL && err == ERR_OK) {
			err = buf_append_text(&out, site->root);
			text += 6;
		}
	}
	REQUIRE(name, err == ERR_OK);
	write_bytes(site_path(site, name), &out);
	buf_release(&out);
}

static void read_into(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	while (fd >= 0 && len < size - 1) {
		ssize_t n = read(fd, out + len, size - 1 - len);

		if (n <= 0) {
			break;
		}
		len += (size_t)n;
	}
	out[len] = '\0';
	if (fd >= 0) {
		(void)close(fd);
	}
}

const char *site_read(struct site *site, const char *name)
{
	read_into(site_path(site, name), site->text, sizeof(site->text));
	return site->text;
}

const char *site_secret(struct site *site, const char *name)
{
	char text[1024];

	read_into(site_path(site, name), text, sizeof(text));
	text[strcspn(text, "\r\n")] = '\0';
	REQUIRE(name, text[0] != '\0');
	/* test_path() keeps texts until exit; a path that ends in the secret is cut to it. */
	return test_path("", text) + 1;
}

/* --- programs --- */

#define PARALLEL_MAX 16

void e2e_in_parallel(size_t count, void (*fn)(void *ctx, size_t i), void *ctx)
{
	pid_t pids[PARALLEL_MAX];
	pid_t parent = getpid();

	REQUIRE("at most so many", count <= PARALLEL_MAX);
	for (size_t i = 0; i < count; i++) {
		pids[i] = fork();
		REQUIRE("a process", pids[i] >= 0);
		if (pids[i] == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() == parent) {
				fn(ctx, i);
			}
			_exit(test_result()); /* the folder is the parent's */
		}
	}
	for (size_t i = 0; i < count; i++) {
		int status = 0;

		CHECK("a process for each", waitpid(pids[i], &status, 0) == pids[i]);
		CHECK("checks held", WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static const char *program_path(const char *name)
{
	if (strcmp(name, "lockgate") == 0) {
		return E2E_LOCKGATE;
	}
	return strcmp(name, "lockgate-certs") == 0 ? E2E_LOCKGATE_CERTS : name;
}

static void child_begin(const char *folder, pid_t parent)
{
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || chdir(folder) != 0) {
		_exit(126);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_exec(const char *program, const char *const *arguments)
{
	char *argv[ARGUMENTS_MAX + 2];
	size_t count = 0;
	union {
		const char *in;
		char *out; /* execvp() changes nothing */
	} both;

	both.in = program_path(program);
	argv[count++] = both.out;
	for (; arguments[count - 1] != NULL && count <= ARGUMENTS_MAX; count++) {
		both.in = arguments[count - 1];
		argv[count] = both.out;
	}
	argv[count] = NULL;
	(void)execvp(argv[0], argv);
	_exit(127);
}

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Reads until the end of the pipe or the deadline. */
static bool read_all(int fd, char *out, size_t size, long deadline)
{
	size_t len = 0;

	out[0] = '\0';
	for (;;) {
		long left = deadline - e2e_now_ms();
		struct pollfd wait = {.fd = fd, .events = POLLIN};

		if (left <= 0 || poll(&wait, 1, (int)left) <= 0) {
			return false;
		}
		char rest[512];
		bool room = len < size - 1;
		ssize_t n = read(fd, room ? out + len : rest, room ? size - 1 - len : sizeof(rest));

		if (n <= 0) {
			return n == 0;
		}
		len += room ? (size_t)n : 0;
		out[len] = '\0';
	}
}

int site_run_list(struct site *site, const char *program, const char *const *arguments)
{
	int ends[2];
	int status = 0;
	pid_t parent = getpid();

	REQUIRE(program, pipe2(ends, O_CLOEXEC) == 0);
	pid_t pid = fork();

	REQUIRE(program, pid >= 0);
	if (pid == 0) {
		child_begin(site->root, parent);
		int null = open("/dev/null", O_RDONLY);

		(void)dup2(null, 0);
		(void)dup2(ends[1], 1);
		(void)dup2(ends[1], 2);
		child_exec(program, arguments);
	}
	(void)close(ends[1]);
	bool ended_in_time =
		read_all(ends[0], site->text, sizeof(site->text), e2e_now_ms() + (long)E2E_WAIT_MS);

	CHECK(program, ended_in_time);
	if (!ended_in_time) {
		(void)kill(pid, SIGKILL);
	}
	(void)close(ends[0]);
	REQUIRE(program, waitpid(pid, &status, 0) == pid);
	CHECK(site->text, strstr(site->text, "Sanitizer") == NULL);
	CHECK(site->text, strstr(site->text, "runtime error:") == NULL);
	return exit_code(status);
}

static void collect(const char **list, va_list from)
{
	size_t count = 0;

	do {
		list[count] = va_arg(from, const char *);
	} while (list[count++] != NULL && count < ARGUMENTS_MAX);
	list[ARGUMENTS_MAX - 1] = NULL;
}

int site_run(struct site *site, const char *program, ...)
{
	const char *list[ARGUMENTS_MAX];
	va_list from;

	va_start(from, program);
	collect(list, from);
	va_end(from);
	return site_run_list(site, program, list);
}

/* What must succeed. */
static void run_good(struct site *site, const char *program, const char *const *arguments)
{
	int code = site_run_list(site, program, arguments);

	if (code != 0) {
		(void)fprintf(stderr, "%s %s: exit %d: %s\n", program, arguments[0], code, site->text);
	}
	REQUIRE(arguments[0], code == 0);
}

int site_mqsc(struct site *site, const char *command)
{
	return site_run(site, "lockgate", "mqsc", "--dir", site->data, "-c", command, NULL);
}

/* --- a standard site --- */

void site_init_bare(struct site *site)
{
	*site = (struct site){.root = test_folder()};
	(void)snprintf(site->data, sizeof(site->data), "%s/broker", site->root);
	REQUIRE(site->data, mkdir(site->data, 0700) == 0);
	REQUIRE(site->data, mkdir(site_path(site, "pki"), 0700) == 0);
}

static void certs(struct site *site, const char *kind, const char *const *first, const char *const *rest)
{
	const char *list[ARGUMENTS_MAX] = {kind};
	size_t count = 1;

	for (; *first != NULL; first++) {
		list[count++] = *first;
	}
	for (; rest != NULL && *rest != NULL && count < ARGUMENTS_MAX - 1; rest++) {
		list[count++] = *rest;
	}
	run_good(site, "lockgate-certs", list);
}

void site_leaf(struct site *site, const char *name, const char *issuer, const char *const *arguments)
{
	char out[256];
	char from[256];

	(void)snprintf(out, sizeof(out), "pki/%s", name);
	(void)snprintf(from, sizeof(from), "pki/%s", issuer);
	certs(site, "leaf", (const char *const[]){"--out", out, "--issuer", from, NULL}, arguments);
}

void site_crl(struct site *site, const char *issuer, const char *const *arguments)
{
	char from[256];
	char made[256];
	char to[256];

	(void)snprintf(from, sizeof(from), "pki/%s", issuer);
	(void)snprintf(made, sizeof(made), "pki/%s.crl", issuer);
	(void)snprintf(to, sizeof(to), "broker/crl/%s.crl", issuer);
	certs(site, "crl", (const char *const[]){"--out", from, "--issuer", from, NULL}, arguments);
	REQUIRE(issuer, rename(site_path(site, made), site_path(site, to)) == 0);
}

static const char jaas_config[] =
	"Devices {\n"
	"    CertificateLoginModule requisite userFrom=\"CN\" matchClientId=true requireUser=true;\n"
	"    PasswordLoginModule    required  file=\"users\" key=\"login.key\" requireSameUser=true;\n"
	"};\n"
	"Apps {\n"
	"    CertificateLoginModule requisite userFrom=\"CN\";\n"
	"    PasswordLoginModule    required  file=\"users\" key=\"login.key\" requireSameUser=true;\n"
	"};\n"
	"Passwords {\n"
	"    PasswordLoginModule    required  file=\"users\" key=\"login.key\";\n"
	"};\n";

static void make_pki(struct site *site)
{
	certs(site, "root", (const char *const[]){"--out", "pki/root", "--cn", "Test Root", NULL}, NULL);
	certs(site, "root", (const char *const[]){"--out", "pki/other", "--cn", "Other Root", NULL}, NULL);
	certs(site, "ca",
		(const char *const[]){
			"--out", "pki/ca", "--issuer", "pki/root", "--cn", "Test Issuing CA", NULL},
		NULL);
	site_leaf(site, "channel", "ca",
		(const char *const[]){
			"--cn", "localhost", "--server", "--dns", "localhost", "--ip", "127.0.0.1", NULL});
	site_leaf(site, "app", "ca", (const char *const[]){"--cn", "app", "--client", NULL});
	REQUIRE("crl folder", mkdir(site_path(site, "broker/crl"), 0700) == 0);
	site_crl(site, "root", (const char *const[]){"--number", "1", NULL});
	site_crl(site, "ca", (const char *const[]){"--number", "1", NULL});
}

void site_init(struct site *site)
{
	static const char *const pass = "file:broker/keystore.pass";
	static const char *const store = "broker/keystore.p12";

	site_init_bare(site);
	make_pki(site);
	site_write(site, "broker/keystore.pass", "passphrase of the tests\n");
	site_write(site, "broker/jaas.config", jaas_config);
	run_good(site, "lockgate",
		(const char *const[]){"keystore", "create", "--passphrase", pass, store, NULL});
	run_good(site, "lockgate",
		(const char *const[]){"keystore", "import", "--passphrase", pass, "--alias", "channel", store,
			"pki/channel-chain.crt", "pki/channel.key", NULL});
	run_good(site, "lockgate",
		(const char *const[]){"keystore", "import-trust", "--passphrase", pass, "--anchor", "--alias",
			"root", store, "pki/root.crt", NULL});
	run_good(site, "lockgate",
		(const char *const[]){
			"passwd", "add", "--dir", "broker", "--out", "app.password", "app", NULL});
}

void site_add_device(struct site *site, const char *name, bool self_signed)
{
	const char *list[ARGUMENTS_MAX] = {"device", "add", "--dir", "broker", "--keystore",
		"broker/keystore.p12", "--passphrase", "file:broker/keystore.pass", "--out", name};
	size_t count = 10;

	if (self_signed) {
		list[count++] = "--self-signed";
	} else {
		list[count++] = "--ca-cert";
		list[count++] = "pki/ca-chain.crt";
		list[count++] = "--ca-key";
		list[count++] = "pki/ca.key";
	}
	list[count++] = name;
	run_good(site, "lockgate", list);
}

/* --- the broker --- */

static const char *errors_of(const struct site *site)
{
	return site->errors == NULL ? "stderr" : site->errors;
}

static pid_t spawn_broker(struct site *site, const char *script, int *ready)
{
	const char *list[ARGUMENTS_MAX] = {"run", "--dir", site->data, "--log", site_path(site, "log"),
		"--log-format", "json", "--ready-fd", "9", "--workers"};
	char workers[16];
	size_t count = 10;
	int ends[2];
	pid_t parent = getpid();

	(void)snprintf(workers, sizeof(workers), "%u", site->workers == 0 ? 2 : site->workers);
	list[count++] = workers;
	list[count++] = "-f";
	list[count++] = site_path(site, script);
	for (size_t i = 0; i < site->script_count; i++) {
		list[count++] = "-f";
		list[count++] = site_path(site, site->scripts[i]);
	}
	if (site->test_gates) {
		list[count++] = "--insecure-test-gates";
	}
	const char *errors = site_path(site, errors_of(site));

	REQUIRE(script, pipe2(ends, O_CLOEXEC) == 0);
	pid_t pid = fork();

	REQUIRE(script, pid >= 0);
	if (pid == 0) {
		child_begin(site->root, parent);
		int fd = open(errors, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
		int null = open("/dev/null", O_RDWR);

		(void)dup2(null, 0);
		(void)dup2(null, 1);
		(void)dup2(fd, 2);
		(void)dup2(ends[1], 9);
		child_exec("lockgate", list);
	}
	(void)close(ends[1]);
	*ready = ends[0];
	return pid;
}

void site_start(struct site *site, const char *script)
{
	int ready = -1;
	char word[16] = "";
	struct pollfd wait;

	REQUIRE(script, site->pid == 0);
	site->pid = spawn_broker(site, script, &ready);
	wait = (struct pollfd){.fd = ready, .events = POLLIN};
	bool is_ready = poll(&wait, 1, (int)E2E_WAIT_MS) == 1 && read(ready, word, sizeof(word) - 1) > 0 &&
			strcmp(word, "ready\n") == 0;

	if (!is_ready) {
		(void)fprintf(stderr, "%s", site_read(site, errors_of(site)));
	}
	REQUIRE(script, is_ready);
	(void)close(ready);
}

/* Waits for the broker's end; what it said on standard error goes to site->text. */
static int wait_end(struct site *site, const char *row)
{
	long deadline = e2e_now_ms() + (long)E2E_WAIT_MS;
	int status = 0;
	pid_t done = 0;

	while ((done = waitpid(site->pid, &status, WNOHANG)) == 0 && e2e_now_ms() < deadline) {
		e2e_pause();
	}
	bool ended_in_time = done != 0;

	CHECK(row, ended_in_time);
	if (!ended_in_time) {
		(void)kill(site->pid, SIGKILL);
		(void)waitpid(site->pid, &status, 0);
	}
	site->pid = 0;
	(void)site_read(site, errors_of(site));
	CHECK(site->text, strstr(site->text, "Sanitizer") == NULL);
	CHECK(site->text, strstr(site->text, "runtime error:") == NULL);
	return exit_code(status);
}

int site_start_refused(struct site *site, const char *script)
{
	int ready = -1;
	char word[16];

	REQUIRE(script, site->pid == 0);
	site->pid = spawn_broker(site, script, &ready);
	struct pollfd wait = {.fd = ready, .events = POLLIN};

	CHECK(script, poll(&wait, 1, (int)E2E_WAIT_MS) == 1);
	bool was_ready = read(ready, word, sizeof(word)) > 0;

	CHECK(script, !was_ready);
	(void)close(ready);
	if (was_ready) {
		(void)kill(site->pid, SIGTERM);
	}
	return wait_end(site, script);
}

void site_stop(struct site *site)
{
	if (site->pid == 0) {
		return;
	}
	(void)kill(site->pid, SIGTERM);
	int code = wait_end(site, "stop");

	if (code != 0) {
		(void)fprintf(stderr, "the broker ended with %d: %s\n", code, site->text);
	}
	CHECK("stop: exit code 0", code == 0);
	CHECK(site->text, site->noise_expected || site->text[0] == '\0');
}

void site_signal(struct site *site, int number)
{
	REQUIRE("a running broker", site->pid > 0 && kill(site->pid, number) == 0);
}

unsigned site_port(struct site *site, const char *channel)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "DISPLAY CHSTATUS(%s) PORT", channel);
	if (site_mqsc(site, command) != 0) {
		return 0;
	}
	const char *at = strstr(site->text, " PORT(");

	return at == NULL ? 0 : (unsigned)strtoul(at + 6, NULL, 10);
}

/* --- the log --- */

#define LOG_QUIET_LOOKS 6 /* 4 ms each: the broker writes a line a few milliseconds after the fact */
#define LOG_LOOKS_MAX   100

long site_log_end(const struct site *site)
{
	struct stat status;
	long end = -1;
	int quiet = 0;

	for (int looks = 0; looks < LOG_LOOKS_MAX && quiet < LOG_QUIET_LOOKS; looks++) {
		long now = stat(site_path(site, "log"), &status) == 0 ? (long)status.st_size : 0;

		quiet = now == end ? quiet + 1 : 0;
		end = now;
		e2e_pause();
	}
	return end;
}

static bool line_has(const char *line, const char *const *texts)
{
	for (; *texts != NULL; texts++) {
		if (strstr(line, *texts) == NULL) {
			return false;
		}
	}
	return true;
}

static bool find_now(const char *path, long from, struct log_line *line, const char *const *texts)
{
	FILE *file = fopen(path, "re");
	bool found = false;

	if (file == NULL || fseek(file, from, SEEK_SET) != 0) {
		if (file != NULL) {
			(void)fclose(file);
		}
		return false;
	}
	while (!found && fgets(line->text, sizeof(line->text), file) != NULL) {
		found = strchr(line->text, '\n') != NULL && line_has(line->text, texts);
	}
	(void)fclose(file);
	return found;
}

bool site_log_find(
	const struct site *site, long from, unsigned ms, struct log_line *line, const char *const *texts)
{
	const char *path = site_path(site, "log");
	long deadline = e2e_now_ms() + (long)ms;

	while (!find_now(path, from, line, texts)) {
		if (e2e_now_ms() >= deadline) {
			line->text[0] = '\0';
			return false;
		}
		e2e_pause();
	}
	return true;
}

const char *log_field(const struct log_line *line, const char *key, char *out, size_t size)
{
	char mark[64];
	const char *at;
	size_t len = 0;

	(void)snprintf(mark, sizeof(mark), "\"%s\":", key);
	at = strstr(line->text, mark);
	if (at != NULL) {
		at += strlen(mark);
		bool quoted = *at == '"';

		at += quoted ? 1 : 0;
		while (*at != '\0' && *at != '\n' && (quoted ? *at != '"' : *at != ',' && *at != '}') &&
			len < size - 1) {
			at += *at == '\\' && at[1] != '\0' ? 1 : 0;
			out[len++] = *at++;
		}
	}
	out[len] = '\0';
	return out;
}
