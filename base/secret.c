/*
 * secret.c - bytes that must not leak: locked in memory, kept out of dumps, wiped on every path.
 * Owns:    the mapping behind each struct secret.
 * Never:   puts a secret on the heap.
 * Threads: any; a secret belongs to one thread at a time.
 */
#include "base/secret.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The one process-wide fact of this file: whether the operator's memlock limit was ever too small. */
static atomic_bool secret_lock_failed;

void secure_wipe(void *data, size_t n)
{
	if (n > 0) {
		explicit_bzero(data, n);
	}
}

enum err secret_new(size_t len, struct secret *out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	if (len > SIZE_MAX - page) {
		return ERR_NOMEM;
	}
	/* One page at least: a secret of no bytes still has an address. */
	size_t mapped = len == 0 ? page : (len + page - 1) / page * page;
	void *data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED) {
		return ERR_NOMEM;
	}
	/* Refused locks are reported at start-up, not fatal: swap is a lesser evil than a broker that is down. */
	if (mlock(data, mapped) != 0) {
		atomic_store(&secret_lock_failed, true);
	}
	(void)madvise(data, mapped, MADV_DONTDUMP);
	*out = (struct secret){data, len, mapped};
	return ERR_OK;
}

enum err secret_copy(struct bytes in, struct secret *out)
{
	struct secret copy = SECRET_NONE;
	enum err err = secret_new(in.len, &copy);
	if (err != ERR_OK) {
		return err;
	}
	if (in.len > 0) {
		memcpy(copy.data, in.data, in.len);
	}
	*out = copy;
	return ERR_OK;
}

void secret_free(struct secret *secret)
{
	if (secret == NULL || secret->data == NULL) {
		return;
	}
	secure_wipe(secret->data, secret->mapped);
	(void)munmap(secret->data, secret->mapped); /* unlocks too */
	*secret = SECRET_NONE;
}

struct bytes secret_bytes(const struct secret *secret)
{
	return (struct bytes){secret->data, secret->len};
}

bool secret_equal(struct bytes a, struct bytes b)
{
	if (a.len != b.len) {
		return false;
	}
	/* volatile: the compiler may not leave the loop at the first difference. */
	volatile uint8_t difference = 0;
	for (size_t i = 0; i < a.len; i++) {
		difference = (uint8_t)(difference | (a.data[i] ^ b.data[i]));
	}
	return difference == 0;
}

bool secret_all_locked(void)
{
	return !atomic_load(&secret_lock_failed);
}
