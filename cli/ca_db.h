/*
 * ca_db.h - the database of `lockgate ca`: a text file with one line for each certificate that was issued.
 * Owns:    struct ca_db.
 * Never:   holds a secret; takes a file of which one line is wrong.
 * Threads: one.
 *
 *   lockgate-ca 1
 *   crl-number 3
 *   crl-url http://crl.example/ca.crl
 *   # serial status notBefore notAfter revokedAt reason subject
 *   0f12… valid 2026-11-01T00:00:00Z 2027-11-01T00:00:00Z - - CN=pump-1
 */
#ifndef LOCKGATE_CLI_CA_DB_H
#define LOCKGATE_CLI_CA_DB_H

#include "cli/cli.h"

#define CA_RECORDS_MAX      100000u
#define CA_DB_BYTES_MAX     (64u * 1024u * 1024u)
#define CA_SERIAL_HEX_MAX   40u /* RFC 5280 4.1.2.2: 20 octets */
#define CA_SUBJECT_MAX      1024u
#define CA_URL_MAX          1024u
#define CA_REASON_NONE      (-1)
#define CA_REASON_NAMES_MAX 8u

struct ca_record {
	char serial[CA_SERIAL_HEX_MAX +
		    1]; /* lower case, as in the certificate, without a leading zero octet */
	bool revoked;
	int64_t not_before, not_after;
	int64_t revoked_at; /* if revoked */
	int reason;         /* CRLReason, or CA_REASON_NONE */
	char *subject;      /* escaped, for people */
};

struct ca_db {
	uint64_t crl_number; /* of the last list; 0: none was made */
	char *crl_url;       /* what certificates name unless told otherwise; NULL: nothing */
	struct ca_record *records;
	size_t count, cap;
};

/* ERR_MALFORMED: *line (counted from 1) is wrong; ERR_LIMIT, ERR_NOMEM. Release *out after a failure, too. */
MUST_CHECK enum err ca_db_parse(struct bytes text, struct ca_db *out, unsigned *line);
MUST_CHECK enum err ca_db_print(const struct ca_db *db, struct buf *out);
void ca_db_release(struct ca_db *db);

/* subject is copied. ERR_EXISTS: the serial number was given out before. */
MUST_CHECK enum err ca_db_add(struct ca_db *db, const struct ca_record *record, const char *subject);
struct ca_record *ca_db_find(struct ca_db *db, const char *serial); /* NULL: none */

/* Hex with or without colons and leading zeroes, to what a record has. False: no serial number. */
bool ca_serial_mean(const char *text, char out[CA_SERIAL_HEX_MAX + 1]);
/* INTEGER content octets, likewise. */
bool ca_serial_of(struct bytes octets, char out[CA_SERIAL_HEX_MAX + 1]);
/* RFC 5280 5.3.1 by its name there; the hold and its end are not done here. */
bool ca_reason_mean(const char *word, int *reason);
const char *ca_reason_name(int reason); /* "-" for none */

#endif
