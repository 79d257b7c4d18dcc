/*
 * users.h - the users file and the login key of a data folder, for `passwd` and `device add`.
 */
#ifndef LOCKGATE_CLI_USERS_H
#define LOCKGATE_CLI_USERS_H

#include "cli/change.h"
#include "jaas_like/jaas_like.h"

/* Letters, digits, dot, underscore, hyphen; 1 to 64; not a leading dot or hyphen: safe in a file name, a DN, MQSC. */
bool users_name_plain(const char *name);

/*
 * A secret for a user. spec NULL: a generated one (its key is made if it is not there yet); else a chosen one, which is
 * hashed. *password is what the client must send; the field's text is appended. Says why not.
 */
int users_secret(
	const char *folder, const char *name, const char *spec, struct secret *password, struct buf *field);
/* Adds the edited folder/users to change. edit.secret may be NULL where the kind needs none. */
int users_edit(struct change *change, const char *folder, const struct login_edit *edit);

#endif
