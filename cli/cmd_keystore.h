/*
 * cmd_keystore.h - what the files of `lockgate keystore` share.
 */
#ifndef LOCKGATE_CLI_CMD_KEYSTORE_H
#define LOCKGATE_CLI_CMD_KEYSTORE_H

#include "cli/cli.h"

int cmd_keystore_import(int argc, char **argv);
int cmd_keystore_import_trust(int argc, char **argv);
int cmd_keystore_report(int argc, char **argv);
int cmd_keystore_export(int argc, char **argv);

/* Loads, changes, saves under the same passphrase; nothing is saved when change fails. Says why not. */
typedef enum err (*keystore_change_fn)(struct keystore *keystore, void *ctx, struct keystore_error *error);
int keystore_change(const char *path, const char *spec, keystore_change_fn change, void *ctx);

#endif
