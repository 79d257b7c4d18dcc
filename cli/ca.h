/*
 * ca.h - what the files of `lockgate ca` share: the folder of a CA, opened under its lock.
 * Owns:    struct ca: the key (in a keystore of one entry), the database, the lock.
 * Never:   opens a keystore that holds anything but this CA's key.
 * Threads: one.
 */
#ifndef LOCKGATE_CLI_CA_H
#define LOCKGATE_CLI_CA_H

#include "cli/ca_db.h"
#include "cli/change.h"

#define CA_KEY_FILE    "ca.p12"
#define CA_CERT_FILE   "ca.crt"
#define CA_DB_FILE     "ca.db"
#define CA_CRL_FILE    "ca.crl"
#define CA_FILE_MAX    (1024u * 1024u)
#define CA_DAY_SECONDS 86400
#define CA_CLOCK_SKEW  300 /* a certificate is good five minutes ago: clocks of devices differ */
#define CA_DAYS_MAX    36500u

struct ca {
	const char *folder; /* borrowed */
	char *key_path;     /* FOLDER/ca.p12, or what --key said */
	char *db_path;
	int lock;
	struct cert *cert;
	struct keystore *keystore; /* NULL until ca_key_open() */
	size_t key_index;
	struct ca_db db;
	struct change change;
};
#define CA_NONE ((struct ca){.lock = -1, .change = CHANGE_NONE})

/* All say why not, and return CLI_OK or an exit code. */
/* Locks the folder, reads certificate and database; the key stays shut. key_path may be NULL. */
int ca_open(struct ca *ca, const char *folder, const char *key_path);
/* Opens the key: one entry, that of this CA, in a file that nobody else may read. */
int ca_key_open(struct ca *ca, const char *spec);
/* The database as it is now becomes a part of the change. */
int ca_db_change(struct ca *ca);
void ca_close(struct ca *ca);

/* Words of options, used by more than one of the commands. */
int ca_days_mean(const char *command, const char *text, unsigned days_default, int64_t *seconds);

int cmd_ca_init(int argc, char **argv);
int cmd_ca_sign(int argc, char **argv);

#endif
