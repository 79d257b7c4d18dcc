/*
 * fuzz_x509_csr.c - reaches csr_parse() and csr_common_name().
 * Owns:    nothing between inputs.
 * Never:   finds a request that nobody signed.
 * Threads: one.
 */
#include <stdlib.h>

#include "x509/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct csr *csr = NULL;
	char *name = NULL;
	if (csr_parse(bytes_of(data, len), &csr, NULL) == ERR_OK) {
		if (csr_common_name(csr, &name) == ERR_OK) {
			free(name);
		}
		csr_free(csr);
	}
	return 0;
}
