/*
 * look.h - whether a keystore, or the passphrase that opens it, has become another one.
 * Owns:    nothing beyond a call.
 * Never:   keeps a passphrase: a digest over both is all that stays.
 * Threads: looking blocks: run it on a lane.
 */
#ifndef LOCKGATE_BROKER_CONTROL_LOOK_H
#define LOCKGATE_BROKER_CONTROL_LOOK_H

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/file.h"

/*
 * Stamps say cheaply that nothing was written; what was written alike (a volume that is synchronised anew) shows in the
 * digest. Both files are followed through symbolic links, so that a volume whose folder is swapped shows, too.
 */
struct keystore_look {
	struct file_stamp store, pass; /* pass: zero where the source is no file */
	bool settled; /* written long enough ago that a further write would show in the stamps */
	bool known;
	uint8_t digest
		[SHA256_BYTES]; /* of keystore and passphrase; of their absence where one is not there */
};

/* Reads only if a stamp differs from before's (NULL: reads). now_ms: wall clock. ERR_NOMEM alone is a failure. */
MUST_CHECK enum err keystore_look(const char *path, const char *passphrase_source, int64_t now_ms,
	const struct keystore_look *before, struct keystore_look *out);

#endif
