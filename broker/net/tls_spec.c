/*
 * tls_spec.c - SSLCIPH: MQ CipherSpec, IANA and IBM-JSSE names and the aliases, as one table.
 * Owns:    nothing but constants.
 * Never:   accepts a suite without forward secrecy or one that is not built in.
 * Threads: any.
 */
#include <string.h>
#include <strings.h>

#include "broker/net/net_private.h"

#define SUITES_13 "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256"
#define SUITES_12                                                                                            \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                         \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                         \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

#define V12 TLS_VERSION_12
#define V13 TLS_VERSION_13

/* The MQ name (canonical), the IANA name after "TLS_" or "SSL_" (NULL: the MQ name is the IANA name). */
struct spec_row {
	const char *name;
	const char *iana;
	enum tls_version min, max;
	const char *suites; /* NULL: refused, and why says so */
	const char *why;
	bool ecdsa_only, rsa_only;
};

static const char no_secrecy[] = "it has no forward secrecy";
static const char no_ccm[] = "CCM suites are not built in";
static const char deprecated[] = "it is deprecated";

/* mq-semantics 5.1 to 5.3. Aliases mean suites with forward secrecy and AEAD; CBC must be asked for by name. */
static const struct spec_row rows[] = {
	{"ANY_TLS12_OR_HIGHER", NULL, V12, V13, SUITES_13 ":" SUITES_12, NULL, false, false},
	{"ANY", NULL, V12, V13, SUITES_13 ":" SUITES_12, NULL, false, false},
	{"ANY_TLS12", NULL, V12, V12, SUITES_12, NULL, false, false},
	{"ANY_TLS13", NULL, V13, V13, SUITES_13, NULL, false, false},
	{"ANY_TLS13_OR_HIGHER", NULL, V13, V13, SUITES_13, NULL, false, false},
	{"TLS_CHACHA20_POLY1305_SHA256", NULL, V13, V13, "TLS13-CHACHA20-POLY1305-SHA256", NULL, false,
		false},
	{"TLS_AES_256_GCM_SHA384", NULL, V13, V13, "TLS13-AES256-GCM-SHA384", NULL, false, false},
	{"TLS_AES_128_GCM_SHA256", NULL, V13, V13, "TLS13-AES128-GCM-SHA256", NULL, false, false},
	{"TLS_AES_128_CCM_SHA256", NULL, V13, V13, NULL, no_ccm, false, false},
	{"TLS_AES_128_CCM_8_SHA256", NULL, V13, V13, NULL, no_ccm, false, false},
	{"ECDHE_ECDSA_AES_256_GCM_SHA384", "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", V12, V12,
		"ECDHE-ECDSA-AES256-GCM-SHA384", NULL, true, false},
	{"ECDHE_ECDSA_AES_128_GCM_SHA256", "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", V12, V12,
		"ECDHE-ECDSA-AES128-GCM-SHA256", NULL, true, false},
	{"ECDHE_RSA_AES_256_GCM_SHA384", "ECDHE_RSA_WITH_AES_256_GCM_SHA384", V12, V12,
		"ECDHE-RSA-AES256-GCM-SHA384", NULL, false, true},
	{"ECDHE_RSA_AES_128_GCM_SHA256", "ECDHE_RSA_WITH_AES_128_GCM_SHA256", V12, V12,
		"ECDHE-RSA-AES128-GCM-SHA256", NULL, false, true},
	{"ECDHE_ECDSA_AES_256_CBC_SHA384", "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", V12, V12,
		"ECDHE-ECDSA-AES256-SHA384", NULL, true, false},
	{"ECDHE_ECDSA_AES_128_CBC_SHA256", "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", V12, V12,
		"ECDHE-ECDSA-AES128-SHA256", NULL, true, false},
	{"ECDHE_RSA_AES_256_CBC_SHA384", "ECDHE_RSA_WITH_AES_256_CBC_SHA384", V12, V12,
		"ECDHE-RSA-AES256-SHA384", NULL, false, true},
	{"ECDHE_RSA_AES_128_CBC_SHA256", "ECDHE_RSA_WITH_AES_128_CBC_SHA256", V12, V12,
		"ECDHE-RSA-AES128-SHA256", NULL, false, true},
	/* Ours, beyond MQ's list: the IANA names of RFC 7905. */
	{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", NULL, V12, V12, "ECDHE-ECDSA-CHACHA20-POLY1305",
		NULL, true, false},
	{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", NULL, V12, V12, "ECDHE-RSA-CHACHA20-POLY1305", NULL,
		false, true},
	{"TLS_RSA_WITH_AES_256_GCM_SHA384", NULL, V12, V12, NULL, no_secrecy, false, true},
	{"TLS_RSA_WITH_AES_128_GCM_SHA256", NULL, V12, V12, NULL, no_secrecy, false, true},
	{"TLS_RSA_WITH_AES_256_CBC_SHA256", NULL, V12, V12, NULL, no_secrecy, false, true},
	{"TLS_RSA_WITH_AES_128_CBC_SHA256", NULL, V12, V12, NULL, no_secrecy, false, true},
	{"TLS_RSA_WITH_AES_256_CBC_SHA", NULL, V12, V12, NULL, deprecated, false, true},
	{"TLS_RSA_WITH_AES_128_CBC_SHA", NULL, V12, V12, NULL, deprecated, false, true},
	{"TLS_RSA_WITH_3DES_EDE_CBC_SHA", NULL, V12, V12, NULL, deprecated, false, true},
	{"TLS_RSA_WITH_RC4_128_SHA256", NULL, V12, V12, NULL, deprecated, false, true},
	{"TLS_RSA_WITH_NULL_SHA256", NULL, V12, V12, NULL, deprecated, false, true},
	{"TLS_RSA_WITH_DES_CBC_SHA", NULL, V12, V12, NULL, deprecated, false, true},
	{"ECDHE_ECDSA_3DES_EDE_CBC_SHA256", "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", V12, V12, NULL, deprecated,
		true, false},
	{"ECDHE_RSA_3DES_EDE_CBC_SHA256", "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", V12, V12, NULL, deprecated,
		false, true},
	{"ECDHE_ECDSA_RC4_128_SHA256", "ECDHE_ECDSA_WITH_RC4_128_SHA", V12, V12, NULL, deprecated, true,
		false},
	{"ECDHE_RSA_RC4_128_SHA256", "ECDHE_RSA_WITH_RC4_128_SHA", V12, V12, NULL, deprecated, false, true},
	{"ECDHE_ECDSA_NULL_SHA256", "ECDHE_ECDSA_WITH_NULL_SHA", V12, V12, NULL, deprecated, true, false},
	{"ECDHE_RSA_NULL_SHA256", "ECDHE_RSA_WITH_NULL_SHA", V12, V12, NULL, deprecated, false, true},
	{"TRIPLE_DES_SHA_US", NULL, V12, V12, NULL, deprecated, false, true},
	{"DES_SHA_EXPORT", NULL, V12, V12, NULL, deprecated, false, true},
	{"RC4_SHA_US", NULL, V12, V12, NULL, deprecated, false, true},
	{"RC4_MD5_US", NULL, V12, V12, NULL, deprecated, false, true},
	{"RC4_MD5_EXPORT", NULL, V12, V12, NULL, deprecated, false, true},
	{"RC2_MD5_EXPORT", NULL, V12, V12, NULL, deprecated, false, true},
	{"NULL_SHA", NULL, V12, V12, NULL, deprecated, false, true},
	{"NULL_MD5", NULL, V12, V12, NULL, deprecated, false, true},
};

/* "TLS_X" and "SSL_X" (IBM's Java up to 8) name the same suite. */
static const char *without_prefix(const char *name)
{
	return strncasecmp(name, "TLS_", 4) == 0 || strncasecmp(name, "SSL_", 4) == 0 ? name + 4 : NULL;
}

static bool row_has_name(const struct spec_row *row, const char *name)
{
	if (strcasecmp(row->name, name) == 0) {
		return true;
	}
	const char *rest = without_prefix(name);
	const char *row_rest = row->iana != NULL ? row->iana : without_prefix(row->name);
	return rest != NULL && row_rest != NULL && strcasecmp(row_rest, rest) == 0;
}

enum err tls_spec_find(const char *sslciph, struct tls_spec *out, struct net_error *error)
{
	const char *name = sslciph == NULL || sslciph[0] == '\0' ? rows[0].name : sslciph;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct spec_row *row = &rows[i];
		if (!row_has_name(row, name)) {
			continue;
		}
		if (row->suites == NULL) {
			net_error_set(error, ERR_UNSUPPORTED, "SSLCIPH(%s) cannot be used: %s", row->name,
				row->why);
			return ERR_UNSUPPORTED;
		}
		*out = (struct tls_spec){.name = row->name,
			.min = row->min,
			.max = row->max,
			.suites = row->suites,
			.ecdsa_only = row->ecdsa_only,
			.rsa_only = row->rsa_only};
		return ERR_OK;
	}
	/* The operator typed it: it goes to the operator's own screen, but bounded. */
	net_error_set(error, ERR_NOT_FOUND, "there is no cipher specification '%.60s'", name);
	return ERR_NOT_FOUND;
}

const char *tls_version_name(enum tls_version version)
{
	switch (version) {
	case TLS_VERSION_NONE: return "";
	case TLS_VERSION_12: return "TLSv1.2";
	case TLS_VERSION_13: return "TLSv1.3";
	}
	return "";
}
