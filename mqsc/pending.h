/*
 * pending.h - the handle of a command that waits for the host.
 * Owns:    the record that the host is filling.
 * Never:   outlives mqsc_pending_done().
 * Threads: the control loop.
 */
#ifndef LOCKGATE_MQSC_PENDING_H
#define LOCKGATE_MQSC_PENDING_H

#include "mqsc/script.h"

struct mqsc_pending {
	struct mqsc_script *script; /* NULL: the asker is gone */
	enum mqsc_runtime what;
	struct display display;
	struct mqsc_row row;
	bool row_open;
	unsigned rows;
};

#endif
