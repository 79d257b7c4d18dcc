/*
 * engine_rows.h - runs rows of script, each on one worker and on three, where the clients' homes differ.
 */
#ifndef LOCKGATE_TESTS_BROKER_ENGINE_ROWS_H
#define LOCKGATE_TESTS_BROKER_ENGINE_ROWS_H

#include <stdlib.h>

#include "tests/broker/rig.h"

struct engine_row {
	const char *name;
	const char *script;
};

static inline void engine_rows_run(
	const struct engine_row *rows, size_t count, const struct hub_limits *limits)
{
	static const unsigned workers[] = {1, 3};
	for (size_t i = 0; i < count; i++) {
		for (size_t w = 0; w < ARRAY_COUNT(workers); w++) {
			struct rig *rig = calloc(1, sizeof(*rig));
			REQUIRE("rig", rig != NULL);
			rig_up(rig, workers[w], limits);
			rig_script(rig, rows[i].name, rows[i].script);
			rig_down(rig);
			free(rig);
		}
	}
}

#endif
