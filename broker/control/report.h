/*
 * report.h - what of the keystores in force expires when, and what would come of removing it.
 * Owns:    one report while it is made.
 * Never:   changes anything.
 * Threads: the control loop.
 */
#ifndef LOCKGATE_BROKER_CONTROL_REPORT_H
#define LOCKGATE_BROKER_CONTROL_REPORT_H

#include "broker/control/control.h"

#define REPORT_NAMES     10u   /* clients named by a row */
#define REPORT_NAMES_ALL 2000u /* the same, if all are asked for */
#define REPORT_BYTES_MAX (32u * 1024u * 1024u)

struct report_options {
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 2]; /* generic */
	int64_t within_days;
	bool all_names, json;
};
/* code: 0, or 1 where something expires within the days. text is borrowed for the call. */
typedef void (*report_fn)(void *ctx, int code, struct bytes text);
/* done once, later or from within. */
void control_report(struct control *control, const struct report_options *options, report_fn done, void *ctx);

#endif
