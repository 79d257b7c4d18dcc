/*
 * fault.c - the names of what can go wrong with a fetch, and its sentence.
 * Owns:    nothing.
 * Never:   lets a byte of a peer's into a sentence that is not printable ASCII.
 * Threads: any.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "broker/fetch/fetch_private.h"

static const char *const fault_names[FETCH_FAULT_COUNT_] = {
	[FETCH_OK] = "ok",
	[FETCH_URL] = "url",
	[FETCH_SCHEME] = "scheme",
	[FETCH_NO_CAFILE] = "no-cafile",
	[FETCH_LOOPBACK] = "loopback",
	[FETCH_LINK_LOCAL] = "link-local",
	[FETCH_PRIVATE] = "private",
	[FETCH_RESERVED] = "reserved",
	[FETCH_UNSPECIFIED] = "unspecified",
	[FETCH_MULTICAST] = "multicast",
	[FETCH_NOT_INTERNET] = "not-internet",
	[FETCH_REDIRECTS] = "redirects",
	[FETCH_REDIRECT_DOWNGRADE] = "redirect-downgrade",
	[FETCH_REDIRECT_POST] = "redirect-post",
	[FETCH_RESOLVE] = "resolve",
	[FETCH_CONNECT] = "connect",
	[FETCH_TLS] = "tls",
	[FETCH_TIMEOUT] = "timeout",
	[FETCH_TOO_BIG] = "too-big",
	[FETCH_HEADERS] = "headers",
	[FETCH_CUT] = "cut",
	[FETCH_PROTOCOL] = "protocol",
	[FETCH_STATUS] = "status",
	[FETCH_ENCODING] = "encoding",
	[FETCH_EMPTY] = "empty",
	[FETCH_BUSY] = "busy",
	[FETCH_NO_MEMORY] = "no-memory",
	[FETCH_STOPPED] = "stopped",
};

const char *fetch_fault_name(enum fetch_fault fault)
{
	assert((unsigned)fault < FETCH_FAULT_COUNT_);
	return fault_names[fault];
}

bool fetch_fault_is_refusal(enum fetch_fault fault)
{
	switch (fault) {
	case FETCH_URL:
	case FETCH_SCHEME:
	case FETCH_NO_CAFILE:
	case FETCH_LOOPBACK:
	case FETCH_LINK_LOCAL:
	case FETCH_PRIVATE:
	case FETCH_RESERVED:
	case FETCH_UNSPECIFIED:
	case FETCH_MULTICAST:
	case FETCH_NOT_INTERNET:
	case FETCH_REDIRECTS:
	case FETCH_REDIRECT_DOWNGRADE:
	case FETCH_REDIRECT_POST: return true;
	case FETCH_OK:
	case FETCH_RESOLVE:
	case FETCH_CONNECT:
	case FETCH_TLS:
	case FETCH_TIMEOUT:
	case FETCH_TOO_BIG:
	case FETCH_HEADERS:
	case FETCH_CUT:
	case FETCH_PROTOCOL:
	case FETCH_STATUS:
	case FETCH_ENCODING:
	case FETCH_EMPTY:
	case FETCH_BUSY:
	case FETCH_NO_MEMORY:
	case FETCH_STOPPED:
	case FETCH_FAULT_COUNT_: break;
	}
	return false;
}

void fetch_error_set(struct fetch_error *error, enum fetch_fault fault, const char *format, ...)
{
	va_list args;

	if (error == NULL) {
		return;
	}
	error->fault = fault;
	va_start(args, format);
	(void)vsnprintf(error->sentence, sizeof(error->sentence), format, args);
	va_end(args);
	for (char *at = error->sentence; *at != '\0'; at++) {
		if (*at < 0x20 || *at > 0x7e) {
			*at = '?';
		}
	}
}
