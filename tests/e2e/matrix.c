/*
 * matrix.c - see matrix.h.
 * Owns:    nothing beyond the site.
 * Threads: the test's main thread.
 */
#include "tests/e2e/matrix.h"

const char matrix_script[] =
	"DEFINE CHANNEL(SECURE) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') JAASCFG('Apps') FAILDLAY(0) +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass') +\n"
	"  SSLCAUTH(REQUIRED) CRLFILE('@ROOT@/broker/crl') MAXMSGL(100000)\n"
	"DEFINE CHANNEL(OPEN) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('app') MAXMSGL(100000)\n"
	"SET CHLAUTH(SECURE) TYPE(SSLPEERMAP) SSLPEER('CN=app') SSLCERTI('CN=Test Issuing CA') +\n"
	"  USERSRC(MAP) MCAUSER('app')\n"
	"SET CHLAUTH(OPEN) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)\n"
	"SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS) ACTION(REPLACE)\n"
	"DEFINE TOPIC(T) TOPICSTR('t')\n"
	"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('app') AUTHADD(CONNECT)\n"
	"SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('app') AUTHADD(PUB,SUB)\n"
	"START CHANNEL(SECURE)\n"
	"START CHANNEL(OPEN)\n";

void matrix_start(struct matrix *matrix)
{
	struct site *site = &matrix->site;

	site_init(site);
	site_write(site, "matrix.mqsc", matrix_script);
	site_start(site, "matrix.mqsc");
	matrix->tls_port = site_port(site, "SECURE");
	matrix->plain_port = site_port(site, "OPEN");
	REQUIRE("two ports", matrix->tls_port != 0 && matrix->plain_port != 0);
	matrix->password = site_secret(site, "app.password");
	matrix->ca = site_path(site, "pki/root.crt");
	matrix->cert = site_path(site, "pki/app-chain.crt");
	matrix->key = site_path(site, "pki/app.key");
}

static const struct matrix_way ways[] = {
	{"t/way0", "tcp, MQTT 3.1.1", false, 4, NULL},
	{"t/way1", "tcp, MQTT 5", false, 5, NULL},
	{"t/way2", "tls, MQTT 3.1.1", true, 4, NULL},
	{"t/way3", "tls, MQTT 5", true, 5, NULL},
};

struct journey {
	struct matrix matrix;
	void (*go)(const struct matrix_way *way);
};

static void one_way(void *ctx, size_t i)
{
	const struct journey *journey = ctx;
	struct matrix_way way = ways[i];

	way.matrix = &journey->matrix;
	journey->go(&way);
}

void matrix_each_way(void (*go)(const struct matrix_way *way))
{
	struct journey journey = {.go = go};

	matrix_start(&journey.matrix);
	e2e_in_parallel(ARRAY_COUNT(ways), one_way, &journey);
	site_stop(&journey.matrix.site);
}
