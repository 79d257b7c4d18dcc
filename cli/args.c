/*
 * args.c - reads options by table, and prints help from the same table.
 * Owns:    nothing; all text is borrowed from argv.
 * Never:   guesses: an unknown or repeated option is an error with a name.
 * Threads: one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z (RFC 3339 5.6). */
#define YEAR_0000     INT64_C(-62167219200)
#define YEAR_9999_END INT64_C(253402300799)

/* Where a list option took more values than one, and may have to give the last back. */
struct spare {
	struct cli_list *list;
};

static const struct cli_option *option_find(const struct cli_syntax *syntax, const char *text, size_t len)
{
	for (size_t i = 0; i < syntax->option_count; i++) {
		const struct cli_option *option = &syntax->options[i];
		if (option->kind != CLI_HEADING && strlen(option->name) == len &&
			strncmp(option->name, text, len) == 0) {
			return option;
		}
	}
	return NULL;
}

static void option_help(const struct cli_option *option)
{
	char left[64];
	if (option->kind == CLI_HEADING) {
		(void)printf("\n%s:\n", option->help);
		return;
	}
	(void)snprintf(left, sizeof(left), "%s%s%s%s", option->name, option->value != NULL ? " " : "",
		option->value != NULL ? option->value : "", option->kind == CLI_LIST ? "…" : "");
	/* The ellipsis is one column of three bytes. */
	(void)printf("  %-*s %s\n", option->kind == CLI_LIST ? 28 : 26, left, option->help);
}

static void help(const struct cli_syntax *syntax)
{
	(void)printf("Usage: %s [options]%s%s\n\n%s\n\nOptions:\n", syntax->command,
		syntax->arguments[0] != '\0' ? " " : "", syntax->arguments, syntax->about);
	for (size_t i = 0; i < syntax->option_count; i++) {
		option_help(&syntax->options[i]);
	}
	(void)printf("  %-26s %s\n", "--help", "this text");
}

static bool list_add(const struct cli_syntax *syntax, struct cli_list *list, const char *value, int *code)
{
	if (list->count == CLI_LIST_MAX) {
		*code = cli_usage(syntax->command, "too many values; the limit is %u", CLI_LIST_MAX);
		return false;
	}
	list->items[list->count++] = value;
	return true;
}

/* One option whose name was found; *at stands on it and is moved to its last value. */
static bool option_take(const struct cli_syntax *syntax, const struct cli_option *option,
	const char *inline_value, int argc, char **argv, int *at, struct spare *spare, int *code)
{
	if (option->kind == CLI_FLAG) {
		if (inline_value != NULL) {
			*code = cli_usage(syntax->command, "%s takes no value", option->name);
			return false;
		}
		*(bool *)option->target = true;
		return true;
	}
	const char *value = inline_value;
	if (value == NULL && *at + 1 < argc) {
		value = argv[++*at];
	}
	if (value == NULL) {
		*code = cli_usage(syntax->command, "%s wants a value: %s", option->name, option->value);
		return false;
	}
	if (option->kind == CLI_TEXT) {
		const char **target = option->target;
		if (*target != NULL) {
			*code = cli_usage(syntax->command, "%s is given twice", option->name);
			return false;
		}
		*target = value;
		return true;
	}
	struct cli_list *list = option->target;
	if (!list_add(syntax, list, value, code)) {
		return false;
	}
	while (inline_value == NULL && *at + 1 < argc &&
		(argv[*at + 1][0] != '-' || argv[*at + 1][1] == '\0')) {
		if (!list_add(syntax, list, argv[++*at], code)) {
			return false;
		}
		spare->list = list;
	}
	return true;
}

static bool argument_take(const struct cli_syntax *syntax, const char *text, int argc, char **argv, int *at,
	struct cli_list *arguments, struct spare *spare, int *code)
{
	const char *equals = strchr(text, '=');
	size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
	if (text[0] != '-' || text[1] == '\0') {
		return list_add(syntax, arguments, text, code);
	}
	if (strcmp(text, "--help") == 0) {
		help(syntax);
		*code = CLI_OK;
		return false;
	}
	const struct cli_option *option = option_find(syntax, text, len);
	if (option == NULL) {
		*code = cli_usage(syntax->command, "unknown option '%.*s'", (int)len, text);
		return false;
	}
	return option_take(syntax, option, equals != NULL ? equals + 1 : NULL, argc, argv, at, spare, code);
}

bool cli_parse(const struct cli_syntax *syntax, int argc, char **argv, struct cli_list *arguments, int *code)
{
	struct spare spare = {NULL};
	bool options_over = false;
	for (int at = 1; at < argc; at++) {
		bool good = true;
		if (options_over) {
			good = list_add(syntax, arguments, argv[at], code);
		} else if (strcmp(argv[at], "--") == 0) {
			options_over = true;
		} else {
			good = argument_take(syntax, argv[at], argc, argv, &at, arguments, &spare, code);
		}
		if (!good) {
			return false;
		}
	}
	if (arguments->count + 1 == syntax->arguments_min && spare.list != NULL) {
		arguments->items[arguments->count++] = spare.list->items[--spare.list->count];
	}
	if (arguments->count < syntax->arguments_min) {
		*code = cli_usage(syntax->command, "something is missing; expected %s", syntax->arguments);
		return false;
	}
	if (arguments->count > syntax->arguments_max) {
		*code = cli_usage(syntax->command, "'%s' is too much; expected %s",
			arguments->items[syntax->arguments_max],
			syntax->arguments[0] != '\0' ? syntax->arguments : "options only");
		return false;
	}
	return true;
}

/* --- values --- */

bool cli_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end = NULL;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] < '0' || text[0] > '9' || value > max) {
		return false;
	}
	*out = value;
	return true;
}

/* Whether text begins like form, in which '0' stands for any digit and everything else for itself. */
static bool looks_like(const char *text, const char *form)
{
	for (; *form != '\0'; text++, form++) {
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form) {
			return false;
		}
	}
	return true;
}

/* What may stand behind the seconds: a fraction (dropped), then Z or +hh:mm. */
static bool zone_parse(const char *text, int64_t *offset_seconds)
{
	struct tm zone = {0};
	if (*text == '.') {
		text++;
		if (*text < '0' || *text > '9') {
			return false;
		}
		while (*text >= '0' && *text <= '9') {
			text++;
		}
	}
	*offset_seconds = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
		return true;
	}
	if ((*text != '+' && *text != '-') || !looks_like(text + 1, "00:00")) {
		return false;
	}
	const char *end = strptime(text + 1, "%H:%M", &zone);
	if (end == NULL || *end != '\0') {
		return false;
	}
	int64_t seconds = zone.tm_hour * 3600 + zone.tm_min * 60;
	*offset_seconds = *text == '+' ? seconds : -seconds;
	return true;
}

bool cli_time(const char *text, int64_t *seconds)
{
	struct tm tm = {0};
	int64_t offset = 0;
	/* strptime() takes blanks and single digits too, which RFC 3339 5.6 does not. */
	const char *rest = looks_like(text, "0000-00-00") ? strptime(text, "%Y-%m-%d", &tm) : NULL;
	if (rest == NULL) {
		return false;
	}
	if (*rest != '\0') {
		if ((*rest != 'T' && *rest != 't' && *rest != ' ') || !looks_like(rest + 1, "00:00:00")) {
			return false;
		}
		rest = strptime(rest + 1, "%H:%M:%S", &tm);
		if (rest == NULL || !zone_parse(rest, &offset)) {
			return false;
		}
	}
	/* timegm() bends 31 February into March: such a date is refused. */
	struct tm asked = tm;
	int64_t when = (int64_t)timegm(&tm) - offset;
	if (asked.tm_mday != tm.tm_mday || asked.tm_mon != tm.tm_mon) {
		return false;
	}
	/* An offset may lead out of the years that a report can show. */
	if (when < YEAR_0000 || when > YEAR_9999_END) {
		return false;
	}
	*seconds = when;
	return true;
}

int64_t cli_now(void)
{
	return (int64_t)time(NULL);
}
