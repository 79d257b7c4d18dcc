/*
 * by_command.h - puts the cases of a suite to `lockgate cert verify` as well: the command must say what the library said.
 * Goal:    files, options, exit codes and the JSON report carry each question and each verdict as they were meant. What is
 *          expected stands in the suite's own test, once: it checks the library's answer, and hands that on to here.
 * Owns:    a folder with the files of the cases; the processes, a few of them at a time.
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_CONFORMANCE_BY_COMMAND_H
#define LOCKGATE_TESTS_CONFORMANCE_BY_COMMAND_H

#include "tests/test.h"
#include "x509/x509.h"

struct by_command;

/* argc and argv of main(): the program's path is the one argument. NULL: none was given, the library alone is tested. */
struct by_command *by_command_new(int argc, char **argv);

/* One command line: by_command_begin(), what goes into it, by_command_ask(). All strings are borrowed for the call. */
void by_command_begin(struct by_command *by, const char *id, int64_t at, enum x509_purpose purpose);
void by_command_option(struct by_command *by, const char *option, const char *value); /* NULL: a flag */
void by_command_flag(struct by_command *by, const char *option, bool given);
void by_command_leaf(struct by_command *by, const char *path);
/* content goes into a file of the case, whose path is the value; option NULL: it is the leaf. */
void by_command_file(struct by_command *by, const char *option, struct bytes content);

struct by_command_want {
	bool should; /* the suite accepts, for the count: the verdicts themselves are checked where they are made */
	bool unusable;           /* input that the operator gave cannot be read: exit code 2, and no report */
	enum x509_reason reason; /* X509_OK: accepted */
	const char *sentence;    /* NULL: not compared; else it stands in the report's */
};
void by_command_ask(struct by_command *by, struct by_command_want want);
/* The same for an answer of x509_judge(). */
void by_command_ask_as(struct by_command *by, bool should, const struct x509_answer *answer);

/* Waits for all, says how many verdicts are the suite's, and counts anew. NULL is fine. */
void by_command_finish(struct by_command *by, const char *suite, unsigned cases);
void by_command_free(struct by_command *by); /* after by_command_finish(); NULL is fine */

#endif
