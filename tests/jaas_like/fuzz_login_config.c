/*
 * fuzz_login_config.c - the login configuration's grammar: login_config_parse() and what login_setup_load() makes of it.
 */
#include <stdlib.h>
#include <string.h>

#include "jaas_like/login_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct login_problem problem;
	struct login_config *config = NULL;
	struct login_setup *setup = NULL;
	memset(&problem, 0xa5, sizeof(problem));
	enum err err = login_config_parse(bytes_of(data, len), &config, &problem);
	/* A refusal says why, in one line of printable text; only then is there nothing. */
	if ((err == ERR_OK) != (config != NULL)) {
		abort();
	}
	if (err != ERR_OK) {
		if (memchr(problem.message, 0, sizeof(problem.message)) == NULL ||
			problem.message[0] == '\0') {
			abort();
		}
		for (const char *at = problem.message; *at != '\0'; at++) {
			if (*at < 0x20 || *at > 0x7e) {
				abort();
			}
		}
	}
	login_config_free(config);
	/* The folder does not exist, so that no file is read whatever the options say, but absolute ones. */
	if (memmem(data, len, "/", 1) == NULL) {
		struct login_setup_options options = {
			.config = bytes_of(data, len), .folder = "/nonexistent"};
		if (login_setup_load(&options, &setup, &problem) == ERR_OK) {
			login_setup_unref(setup);
		}
	}
	return 0;
}
