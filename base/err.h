/*
 * err.h - what a function of ours may answer, and what a peer is told.
 */
#ifndef LOCKGATE_BASE_ERR_H
#define LOCKGATE_BASE_ERR_H

#include <stdint.h>

#include "base/macros.h"

enum err {
	ERR_OK = 0,
	ERR_AGAIN,       /* not enough yet: bytes, room or answers; nothing was consumed */
	ERR_MALFORMED,   /* the bytes break their own format */
	ERR_INVALID,     /* well formed, but a value that is not allowed here */
	ERR_UNSUPPORTED, /* well formed and allowed, but not something we do; never ignored */
	ERR_LIMIT,       /* a named maximum was reached */
	ERR_NOMEM,       /* memory, descriptors or threads ran out */
	ERR_IO,          /* the operating system said no; errno was logged where it happened */
	ERR_DENIED,      /* wrong secret, bad signature, no right: deliberately one code */
	ERR_NOT_FOUND,
	ERR_EXISTS,
	ERR_BUSY,    /* held by somebody else, or a queue is full */
	ERR_STATE,   /* right call, wrong time */
	ERR_CLOSED,  /* the other side is gone */
	ERR_UNKNOWN, /* the outcome is not known (a store that timed out) */
	ERR_COUNT_
};

/* A stable lower-case word such as "malformed"; never NULL. */
const char *err_name(enum err err);

/* Why a peer is refused. reason is an MQTT 5 reason code; clause a literal such as "MQTT-3.1.4-2". */
struct fault {
	enum err err;
	uint8_t reason;
	const char *clause;
};

#define FAULT_NONE ((struct fault){ERR_OK, 0, NULL})

#endif
