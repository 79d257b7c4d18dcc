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
