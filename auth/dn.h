/*
 * dn.h - DN patterns inside auth/: the three answers of a match, and names given as text.
 * Owns:    nothing.
 * Never:   seen outside auth/.
 * Threads: any; pure.
 */
#ifndef LOCKGATE_AUTH_DN_H
#define LOCKGATE_AUTH_DN_H

#include "auth/auth.h"

/* Components of one pattern, and attributes of one name that is given as text. */
#define DN_COMPONENTS_MAX 64u
/* A longer value of a name is taken for hostile: comparing it would cost too much. */
#define DN_VALUE_BYTES_MAX 1024u
/* "78:40:26:…" of the longest serial number that we compare. */
#define DN_SERIAL_OCTETS_MAX 64u

/* The order is the precedence of mq-semantics 4.1. */
enum dn_key {
	DN_SERIALNUMBER,
	DN_MAIL,
	DN_UID,
	DN_CN,
	DN_T,
	DN_OU,
	DN_DC,
	DN_O,
	DN_STREET,
	DN_L,
	DN_ST,
	DN_PC,
	DN_C,
	DN_UNSTRUCTUREDNAME,
	DN_UNSTRUCTUREDADDRESS,
	DN_DNQ,
	DN_KEY_COUNT_
};

/* A name to be matched: a certificate's, or one given as text (dn_text_parse). */
struct dn_name {
	const struct cert *cert;
	bool subject;
	const struct dn_pattern *literal; /* counts when cert is NULL */
};

/*
 * HOSTILE: nothing that can be read speaks against a match, but a value that the pattern asks for holds controls or is no
 * text. Whoever admits takes that for no; whoever blocks takes it for yes.
 */
enum dn_answer { DN_NO, DN_YES, DN_HOSTILE };
enum dn_answer dn_pattern_judge(const struct dn_pattern *pattern, const struct dn_name *name);

/* A DN as we print it, for RUNCHECK: no wildcards; attributes that no pattern can name are dropped. */
MUST_CHECK enum err dn_text_parse(const char *text, struct dn_pattern **out, struct auth_error *error);

bool dn_pattern_names(const struct dn_pattern *pattern, enum dn_key key);
/* The CN that a match needs, octet by octet but for case; BYTES_NONE: there is none, or one with a wildcard. */
struct bytes dn_pattern_fixed_cn(const struct dn_pattern *pattern);
/* The nth value of a key in the order of patterns. ERR_NOT_FOUND; ERR_MALFORMED: there, but no plain text. */
MUST_CHECK enum err dn_name_value(const struct dn_name *name, enum dn_key key, size_t nth,
	char serial[3 * DN_SERIAL_OCTETS_MAX], struct bytes *out);
size_t dn_name_count(const struct dn_name *name, enum dn_key key);

#endif
