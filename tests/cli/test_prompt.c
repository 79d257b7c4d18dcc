/*
 * test_prompt.c - a passphrase typed at a terminal: asked twice when new, never echoed, and the echo comes back.
 * Owns:    a pseudo-terminal and the program at its other end.
 * Never:   waits without an end: the terminal is read with a deadline.
 * Threads: one.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/test.h"

#define DEADLINE_MS 20000

struct session {
	pid_t child;
	int terminal;
	char seen[8192];
	size_t seen_len;
	size_t matched; /* seen up to here was waited for already */
};

static struct session session_start(const char *program, const char *command, const char *file)
{
	struct session session = {.child = -1};
	session.child = forkpty(&session.terminal, NULL, NULL, NULL);
	REQUIRE("a pseudo-terminal", session.child >= 0);
	if (session.child == 0) {
		execl(program, program, "keystore", command, file, (char *)NULL);
		_exit(127);
	}
	return session;
}

/* Reads until word was seen behind what was matched before; false at the end of file or of patience. */
static bool wait_for(struct session *session, const char *word)
{
	for (;;) {
		char *at = strstr(session->seen + session->matched, word);
		if (at != NULL) {
			session->matched = (size_t)(at - session->seen) + strlen(word);
			return true;
		}
		struct pollfd poll_for = {session->terminal, POLLIN, 0};
		if (poll(&poll_for, 1, DEADLINE_MS) <= 0 || session->seen_len + 1 >= sizeof(session->seen)) {
			return false;
		}
		ssize_t got = read(session->terminal, session->seen + session->seen_len,
			sizeof(session->seen) - session->seen_len - 1);
		if (got <= 0) {
			return false;
		}
		session->seen_len += (size_t)got;
		session->seen[session->seen_len] = '\0';
	}
}

static void type(const struct session *session, const char *text)
{
	CHECK("typed", write(session->terminal, text, strlen(text)) == (ssize_t)strlen(text));
}

static int session_end(struct session *session)
{
	int status = 0;
	(void)wait_for(session, "\x01 what is never said"); /* to the end of its output */
	CHECK("it ends", waitpid(session->child, &status, 0) == session->child);
	CHECK("nothing was echoed", strstr(session->seen, "correct horse") == NULL);
	(void)close(session->terminal);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool echoes(const struct session *session)
{
	struct termios now;
	return tcgetattr(session->terminal, &now) == 0 && (now.c_lflag & ECHO) != 0;
}

static void rows(const char *program, const char *file)
{
	struct session session = session_start(program, "create", file);
	CHECK("asked", wait_for(&session, "New keystore passphrase: "));
	CHECK("no echo while it is typed", !echoes(&session));
	type(&session, "correct horse\n");
	CHECK("asked again", wait_for(&session, "Once more: "));
	type(&session, "correct mule\n");
	CHECK("they differ", wait_for(&session, "the two passphrases differ"));
	CHECK("the echo is back", echoes(&session));
	CHECK("refused", session_end(&session) == 1);
	CHECK("nothing was made", access(file, F_OK) != 0);

	session = session_start(program, "create", file);
	CHECK("asked", wait_for(&session, "passphrase: "));
	type(&session, "correct horse\n");
	CHECK("asked again", wait_for(&session, "Once more: "));
	type(&session, "correct horse\n");
	CHECK("made", session_end(&session) == 0 && access(file, F_OK) == 0);

	session = session_start(program, "list", file);
	CHECK("asked", wait_for(&session, "Keystore passphrase: "));
	type(&session, "correct horse\n");
	CHECK("asked once only", session_end(&session) == 0 && strstr(session.seen, "Once more") == NULL);

	session = session_start(program, "list", file);
	CHECK("asked", wait_for(&session, "Keystore passphrase: "));
	type(&session, "\x03\n");
	CHECK("interrupted", wait_for(&session, "no passphrase"));
	CHECK("the echo is back", echoes(&session));
	CHECK("interrupted", session_end(&session) == 1);
}

int main(int argc, char **argv)
{
	REQUIRE("the program's path is needed", argc == 2);
	rows(argv[1], test_path(test_folder(), "typed.p12"));
	return test_result();
}
