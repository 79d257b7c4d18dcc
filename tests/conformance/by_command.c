/*
 * by_command.c - command lines of `lockgate cert verify`, several processes at a time, each report beside what is expected.
 */
#include "tests/conformance/by_command.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/conformance/json_read.h"

#define IN_FLIGHT_MAX    4u
#define WORDS_MAX        128u
#define WORD_BYTES       512u
#define ID_BYTES         160u
#define OUTPUT_BYTES_MAX (1024u * 1024u)

extern char **environ;

struct running {
	pid_t pid; /* 0: the slot is free */
	char id[ID_BYTES], sentence[X509_SENTENCE_BYTES];
	struct by_command_want want;
};

struct by_command {
	const char *folder;
	char words[WORDS_MAX][WORD_BYTES];
	size_t count;
	char leaf[WORD_BYTES];
	char id[ID_BYTES];
	unsigned files;
	struct running running[IN_FLIGHT_MAX];
	unsigned asked, agree, unusable;
};

struct by_command *by_command_new(int argc, char **argv)
{
	if (argc < 2) {
		return NULL;
	}
	struct by_command *by = calloc(1, sizeof(*by));
	REQUIRE("memory", by != NULL);
	by->folder = test_folder();
	(void)snprintf(by->words[0], WORD_BYTES, "%s", argv[1]);
	return by;
}

/* --- the command line --- */

static void add_word(struct by_command *by, const char *word)
{
	REQUIRE(by->id, by->count < WORDS_MAX - 1 && strlen(word) < WORD_BYTES);
	(void)snprintf(by->words[by->count++], WORD_BYTES, "%s", word);
}

void by_command_begin(struct by_command *by, const char *id, int64_t at, enum x509_purpose purpose)
{
	char text[32];
	struct tm tm = {0};
	time_t when = (time_t)at;
	(void)snprintf(by->id, ID_BYTES, "%s", id);
	by->count = 1;
	by->leaf[0] = '\0';
	add_word(by, "cert");
	add_word(by, "verify");
	add_word(by, "--json");
	REQUIRE(id,
		gmtime_r(&when, &tm) != NULL && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0);
	by_command_option(by, "--at", text);
	by_command_option(by, "--purpose",
		purpose == X509_PURPOSE_CLIENT   ? "client"
		: purpose == X509_PURPOSE_SERVER ? "server"
						 : "any");
}

void by_command_option(struct by_command *by, const char *option, const char *value)
{
	add_word(by, option);
	if (value != NULL) {
		add_word(by, value);
	}
}

void by_command_flag(struct by_command *by, const char *option, bool given)
{
	if (given) {
		by_command_option(by, option, NULL);
	}
}

void by_command_leaf(struct by_command *by, const char *path)
{
	REQUIRE(by->id, strlen(path) < WORD_BYTES);
	(void)snprintf(by->leaf, WORD_BYTES, "%s", path);
}

void by_command_file(struct by_command *by, const char *option, struct bytes content)
{
	char path[WORD_BYTES];
	(void)snprintf(path, sizeof(path), "%s/%u", by->folder, by->files++);
	FILE *file = fopen(path, "wb");
	REQUIRE(by->id, file != NULL);
	REQUIRE(by->id, fwrite(content.data, 1, content.len, file) == content.len);
	REQUIRE(by->id, fclose(file) == 0);
	if (option != NULL) {
		by_command_option(by, option, path);
	} else {
		by_command_leaf(by, path);
	}
}

/* --- what it says --- */

static void slot_path(
	const struct by_command *by, const struct running *slot, const char *kind, char out[WORD_BYTES])
{
	(void)snprintf(out, WORD_BYTES, "%s/slot-%zu.%s", by->folder, (size_t)(slot - by->running), kind);
}

static const char *slot_read(
	const struct by_command *by, const struct running *slot, const char *kind, struct buf *content)
{
	char path[WORD_BYTES];
	const char *text = "";
	slot_path(by, slot, kind, path);
	REQUIRE(slot->id, file_read(path, OUTPUT_BYTES_MAX, content) == ERR_OK);
	REQUIRE(slot->id, buf_text(content, &text) == ERR_OK);
	return text;
}

static bool report_matches(const struct running *slot, const struct buf *output)
{
	struct json_doc *doc = json_doc_parse(buf_bytes(output));
	if (doc == NULL) {
		return false;
	}
	const struct json_value *root = json_doc_root(doc);
	const char *verdict = json_string(root, "verdict");
	const char *reason = json_string(root, "reason");
	const char *sentence = json_string(root, "sentence");
	bool good = verdict != NULL && reason != NULL && sentence != NULL &&
		    strcmp(verdict, slot->want.reason == X509_OK ? "accept" : "refuse") == 0 &&
		    strcmp(reason, x509_reason_name(slot->want.reason)) == 0 &&
		    (slot->want.sentence == NULL || strstr(sentence, slot->sentence) != NULL);
	json_doc_free(doc);
	return good;
}

static void reap(struct by_command *by, struct running *slot)
{
	struct buf output = BUF_INIT(OUTPUT_BYTES_MAX);
	struct buf errors = BUF_INIT(OUTPUT_BYTES_MAX);
	int status = 0;
	if (slot->pid == 0) {
		return;
	}
	REQUIRE(slot->id, waitpid(slot->pid, &status, 0) == slot->pid);
	slot->pid = 0;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	int want = slot->want.unusable ? 2 : slot->want.reason == X509_OK ? 0 : 1;
	const char *said = slot_read(by, slot, "out", &output);
	const char *failed = slot_read(by, slot, "err", &errors);
	bool good = slot->want.unusable ? said[0] == '\0' && failed[0] != '\0'
					: failed[0] == '\0' && report_matches(slot, &output);
	if (code != want || !good) {
		printf("%s: exit %d, should be %d (%s: %s): %s%s\n", slot->id, code, want,
			x509_reason_name(slot->want.reason), slot->sentence, said, failed);
	} else if (slot->want.unusable) {
		printf("%s: no verdict, exit 2: %s", slot->id, failed);
	}
	CHECK(slot->id, code == want);
	CHECK(slot->id, good);
	by->agree += (code == 0) == slot->want.should ? 1 : 0;
	by->unusable += code == 2 ? 1 : 0;
	buf_release(&output);
	buf_release(&errors);
}

/* --- asking --- */

static void start(struct by_command *by, struct running *slot)
{
	char out[WORD_BYTES];
	char err[WORD_BYTES];
	char *words[WORDS_MAX + 1] = {NULL};
	posix_spawn_file_actions_t actions;
	slot_path(by, slot, "out", out);
	slot_path(by, slot, "err", err);
	for (size_t i = 0; i < by->count; i++) {
		words[i] = by->words[i];
	}
	int flags = O_WRONLY | O_CREAT | O_TRUNC;
	REQUIRE(by->id,
		posix_spawn_file_actions_init(&actions) == 0 &&
			posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out, flags, 0600) == 0 &&
			posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err, flags, 0600) == 0);
	REQUIRE("a command", words[0] != NULL);
	REQUIRE(by->id, posix_spawn(&slot->pid, by->words[0], &actions, NULL, words, environ) == 0);
	(void)posix_spawn_file_actions_destroy(&actions);
}

void by_command_ask(struct by_command *by, struct by_command_want want)
{
	/* The slot that comes round is the one that was started longest ago. */
	struct running *slot = &by->running[by->asked % IN_FLIGHT_MAX];
	reap(by, slot);
	add_word(by, "--");
	add_word(by, by->leaf);
	(void)snprintf(slot->id, ID_BYTES, "%s", by->id);
	(void)snprintf(
		slot->sentence, sizeof(slot->sentence), "%s", want.sentence != NULL ? want.sentence : "");
	slot->want = want;
	by->asked++;
	start(by, slot);
}

void by_command_ask_as(struct by_command *by, bool should, const struct x509_answer *answer)
{
	by_command_ask(by, (struct by_command_want){
				   .should = should, .reason = answer->reason, .sentence = answer->sentence});
}

void by_command_finish(struct by_command *by, const char *suite, unsigned cases)
{
	if (by == NULL) {
		return;
	}
	for (size_t i = 0; i < IN_FLIGHT_MAX; i++) {
		reap(by, &by->running[(by->asked + i) % IN_FLIGHT_MAX]);
	}
	CHECK("every case went through the command", by->asked == cases);
	printf("%s: %u of %u as expected through the command, %u with input that is unreadable (exit 2)\n",
		suite, by->agree, by->asked, by->unusable);
	by->asked = by->agree = by->unusable = 0;
}

void by_command_free(struct by_command *by)
{
	free(by);
}
