/*
 * cmd_run.c - `lockgate run`: starts the broker in the foreground.
 * Owns:    the log.
 * Never:   starts on half a configuration.
 * Threads: one; it becomes the control loop.
 */
#include <string.h>

#include "broker/broker.h"
#include "cli/cli.h"

static const char syntax_command[] = "lockgate run";

static const char first_steps[] =
	"Nothing to run: no MQSC file was given, and a broker without channels would let nobody in.\n"
	"\n"
	"A configuration is a file of MQSC commands, for example demo.mqsc:\n"
	"\n"
	"  DEFINE CHANNEL(DEVICES) CHLTYPE(MQTT) PORT(8883) +\n"
	"         SSLKEYR('/etc/lockgate/devices.p12') SSLKEYP('file:/etc/lockgate/devices.pass')\n"
	"  SET CHLAUTH(DEVICES) TYPE(SSLPEERMAP) SSLPEER('OU=pumps') USERSRC(MAP) MCAUSER('pump')\n"
	"  SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('pump') AUTHADD(CONNECT)\n"
	"  START CHANNEL(DEVICES)\n"
	"\n"
	"Then: lockgate run --dir /var/lib/lockgate -f demo.mqsc\n"
	"'./quickstart' in the source tree makes a whole example, devices and keystore included.\n";

static int parse_level(const char *text, enum log_level *out)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {{"debug", LOG_DEBUG}, {"info", LOG_INFO}, {"warn", LOG_WARN}, {"error", LOG_ERROR}};

	for (size_t i = 0; i < ARRAY_COUNT(levels); i++) {
		if (strcmp(levels[i].name, text) == 0) {
			*out = levels[i].level;
			return CLI_OK;
		}
	}
	return cli_usage(syntax_command, "--log-level is debug, info, warn or error");
}

static int run(const struct broker_options *options, struct log_options *log_options)
{
	struct broker_options with_log = *options;
	struct buf report = BUF_INIT(1024u * 1024u);
	enum err err = log_open(log_options, &with_log.log);
	int code = CLI_OK;

	if (err != ERR_OK) {
		return cli_fail("the log %s cannot be opened",
			log_options->path == NULL ? "(stderr)" : log_options->path);
	}
	/* Before there are sessions that could wait for a disk. Who has no thread for this has none for the workers. */
	err = log_start_writer(with_log.log);
	if (err != ERR_OK) {
		log_close(with_log.log);
		return cli_fail("the thread that writes the log cannot be started");
	}
	log_flush_at_crash(with_log.log);
	err = broker_run(&with_log, &report);
	log_close(with_log.log); /* its last lines come before ours */
	if (err != ERR_OK) {
		code = CLI_REFUSED;
		(void)fprintf(stderr, "lockgate: the broker did not start:\n%.*s\n", (int)report.len,
			report.len == 0 ? err_name(err) : (const char *)report.data);
	}
	buf_release(&report);
	return code;
}

int cmd_run(int argc, char **argv)
{
	const char *directory = NULL;
	const char *login = NULL;
	const char *log_path = NULL;
	const char *log_format = NULL;
	const char *log_level = NULL;
	const char *workers = NULL;
	const char *ready_fd = NULL;
	bool test_gates = false;
	struct cli_list scripts = {{NULL}, 0};
	struct cli_list arguments = {{NULL}, 0};
	uint64_t number = 0;
	int code = CLI_OK;
	const struct cli_option options[] = {
		{"-f", CLI_LIST, &scripts, "FILE",
			"MQSC commands to run at the start, in order; may be given several times"},
		{"--dir", CLI_TEXT, &directory, "DIR",
			"data directory: lock, admin socket, users, login.key [.]"},
		{"--login-config", CLI_TEXT, &login, "FILE",
			"login configuration (JAAS syntax) [DIR/jaas.config]"},
		{"--log", CLI_TEXT, &log_path, "FILE", "log file; opened again on SIGHUP [stderr]"},
		{"--log-format", CLI_TEXT, &log_format, "FORMAT", "text or json [text]"},
		{"--log-level", CLI_TEXT, &log_level, "LEVEL", "debug, info, warn or error [info]"},
		{"--workers", CLI_TEXT, &workers, "N", "threads that serve connections [one per core]"},
		{"--ready-fd", CLI_TEXT, &ready_fd, "N",
			"write 'ready' to this descriptor once every channel accepts"},
		{"--insecure-test-gates", CLI_FLAG, &test_gates, NULL,
			"accept INSECGATE on channels; for tests of the gates only"},
	};
	const struct cli_syntax syntax = {syntax_command, "",
		"Starts the broker in the foreground. SIGTERM stops it, SIGHUP reads every file again: all "
		"of it or nothing.",
		options, ARRAY_COUNT(options), 0, 0};
	struct log_options log_options = {.format = LOG_TEXT, .level = LOG_INFO, .clock = clock_system()};
	struct broker_options broker = {.ready_fd = -1};

	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if (scripts.count == 0) {
		(void)fputs(first_steps, stderr);
		return CLI_USAGE;
	}
	if (scripts.count > BROKER_SCRIPTS_MAX) {
		return cli_usage(syntax_command, "at most %u files", BROKER_SCRIPTS_MAX);
	}
	if (log_format != NULL && strcmp(log_format, "json") == 0) {
		log_options.format = LOG_JSON;
	} else if (log_format != NULL && strcmp(log_format, "text") != 0) {
		return cli_usage(syntax_command, "--log-format is text or json");
	}
	code = parse_level(log_level == NULL ? "info" : log_level, &log_options.level);
	if (code != CLI_OK) {
		return code;
	}
	if (workers != NULL && (!cli_number(workers, 64, &number) || number == 0)) {
		return cli_usage(syntax_command, "--workers is a number from 1 to 64");
	}
	broker.workers = (unsigned)number;
	if (ready_fd != NULL) {
		if (!cli_number(ready_fd, 1024, &number)) {
			return cli_usage(syntax_command, "--ready-fd is the number of an open descriptor");
		}
		broker.ready_fd = (int)number;
	}
	log_options.path = log_path;
	broker.directory = directory == NULL ? "." : directory;
	broker.scripts = scripts.items;
	broker.script_count = scripts.count;
	broker.login_config = login;
	broker.insecure_test_gates = test_gates;
	return run(&broker, &log_options);
}
