/*
 * fuzz_pkcs12.c - any bytes as a PKCS#12 file behind a MAC that is not looked at.
 * Reaches: p12_read_unchecked_mac (pkcs12_read.c, pbe.c, tlv.c, text.c, oid.c), store_build (build.c, chain.c),
 *          keystore_check (check.c), and through them cert_parse and key_public.
 * Owns:    nothing.
 * Never:   derives more than a few thousand iterations per input.
 * Threads: one.
 */
#include <stdlib.h>

#include "keystore/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p12 p12 = {0};
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	struct keystore_findings findings = KEYSTORE_FINDINGS_NONE;
	enum err err = p12_read_unchecked_mac(bytes_of(data, size), bytes_text("x"), NULL, &p12, &error);
	if (err != ERR_OK && error.sentence[0] == '\0') {
		abort(); /* a refusal says why */
	}
	if (err == ERR_OK && store_build(&p12, NULL, &keystore, &error) == ERR_OK) {
		if (keystore_check(keystore, INT64_C(1790000000), &findings) != ERR_OK) {
			abort();
		}
		for (size_t i = 0; i < keystore_count(keystore); i++) {
			struct keystore_entry entry = keystore_at(keystore, i);
			bool kept = entry.kind == KEYSTORE_KEPT;
			if (entry.kind != KEYSTORE_KEY && !kept && entry.chain_count != 1) {
				abort();
			}
			if (kept != (entry.kept_why != NULL) || (kept && entry.key_usable) ||
				(kept && !entry.kept_key && entry.chain_count != 0)) {
				abort();
			}
		}
	}
	keystore_findings_release(&findings);
	keystore_free(keystore);
	p12_release(&p12);
	return 0;
}
