/*
 * crypto_random.c - random bytes from the kernel.
 * Never:   falls back to anything weaker.
 * Threads: any.
 */
#include "base/crypto.h"

#include <errno.h>
#include <sys/random.h>

enum err crypto_random(uint8_t *out, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(out, n, 0);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return ERR_IO;
		}
		out += got;
		n -= (size_t)got;
	}
	return ERR_OK;
}
