/*
 * matrix.h - a broker with a TLS and a plain channel on which the user "app" may use everything below "t".
 * Owns:    nothing beyond the site.
 * Threads: the test's main thread.
 */
#ifndef LOCKGATE_TESTS_E2E_MATRIX_H
#define LOCKGATE_TESTS_E2E_MATRIX_H

#include "tests/e2e/harness.h"

struct matrix {
	struct site site;
	unsigned tls_port, plain_port;
	const char *password; /* of "app" */
	const char *ca, *cert, *key;
};

/* Starts it; site_stop(&matrix->site) ends it. MAXMSGL is MATRIX_PACKET_BYTES_MAX. */
#define MATRIX_PACKET_BYTES_MAX 100000
void matrix_start(struct matrix *matrix);
extern const char matrix_script[];

/* One of four: TLS or plain, MQTT 3.1.1 or 5. */
struct matrix_way {
	const char *topics; /* below it are its own topics and client ids: the ways run at one time */
	const char *row;
	bool tls;
	int version; /* the protocol level: 4 is MQTT 3.1.1, 5 is 5 */
	const struct matrix *matrix;
};
/* Starts a matrix, goes each way in a process of its own, stops the matrix. */
void matrix_each_way(void (*go)(const struct matrix_way *way));

#endif
