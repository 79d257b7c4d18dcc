/*
 * err.c - the words for our error codes.
 * Never:   allocates.
 * Threads: any.
 */
#include "base/err.h"

const char *err_name(enum err err)
{
	static const char *const names[ERR_COUNT_] = {
		[ERR_OK] = "ok",
		[ERR_AGAIN] = "again",
		[ERR_MALFORMED] = "malformed",
		[ERR_INVALID] = "invalid",
		[ERR_UNSUPPORTED] = "unsupported",
		[ERR_LIMIT] = "limit",
		[ERR_NOMEM] = "nomem",
		[ERR_IO] = "io",
		[ERR_DENIED] = "denied",
		[ERR_NOT_FOUND] = "not_found",
		[ERR_EXISTS] = "exists",
		[ERR_BUSY] = "busy",
		[ERR_STATE] = "state",
		[ERR_CLOSED] = "closed",
		[ERR_UNKNOWN] = "unknown",
	};
	if ((unsigned)err >= ERR_COUNT_) {
		return "unnamed";
	}
	return names[err];
}
