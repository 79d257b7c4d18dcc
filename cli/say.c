/*
 * say.c - refusals on stderr, and the table of commands.
 * Owns:    nothing.
 * Never:   prints what came from a file or an argument unescaped.
 * Threads: one.
 */
#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/cli.h"

#define SAY_BYTES_MAX 4096u

void cli_print_escaped(FILE *stream, struct bytes text)
{
	struct buf escaped = BUF_INIT(text.len * 8 + 16);
	if (utf8_escape(&escaped, text) == ERR_OK && escaped.len > 0) {
		(void)fwrite(escaped.data, 1, escaped.len, stream);
	}
	buf_release(&escaped);
}

/* The sentence is escaped as a whole: arguments and file names stand in it. */
static void say(const char *prefix, const char *format, va_list args) PRINTF_LIKE(2, 0);
static void say(const char *prefix, const char *format, va_list args)
{
	char text[SAY_BYTES_MAX];
	(void)vsnprintf(text, sizeof(text), format, args);
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s: ", prefix);
	cli_print_escaped(stderr, bytes_text(text));
	(void)fputc('\n', stderr);
}

int cli_usage(const char *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(command, format, args);
	va_end(args);
	(void)fprintf(stderr, "Try '%s --help'.\n", command);
	return CLI_USAGE;
}

int cli_fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say("lockgate", format, args);
	va_end(args);
	return CLI_REFUSED;
}

int cli_warn(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say("lockgate: warning", format, args);
	va_end(args);
	return CLI_OK;
}

static void table_print(
	const char *prefix, const char *about, const struct cli_command *commands, size_t count)
{
	(void)printf("Usage: %s COMMAND [options]\n\n%s\n\nCommands:\n", prefix, about);
	for (size_t i = 0; i < count; i++) {
		(void)printf("  %-14s %s\n", commands[i].name, commands[i].summary);
	}
	(void)printf("\n'%s COMMAND --help' explains one.\n", prefix);
}

int cli_dispatch(const char *prefix, const char *about, const struct cli_command *commands, size_t count,
	int argc, char **argv)
{
	if (argc < 2) {
		return cli_usage(prefix, "a command is missing");
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		table_print(prefix, about, commands, count);
		return CLI_OK;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	return cli_usage(prefix, "there is no command '%s'", argv[1]);
}
