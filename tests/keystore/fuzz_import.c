/*
 * fuzz_import.c - any bytes as what an import reads: JKS and JCEKS behind a digest, PKCS#12 behind a MAC, neither of
 *                 which is looked at; with old ciphers and BER.
 * Reaches: jks_read_unchecked_digest (jks.c, java_object.c), p12_read_unchecked_mac under rules (pkcs12_read.c, ber.c,
 *          pbe.c, pbe_old.c, tlv.c, text.c, oid.c), p12_mac_check (pkcs12_mac.c), store_build (build.c, chain.c).
 * Owns:    nothing.
 * Never:   derives more than a few thousand iterations per input.
 * Threads: one.
 */
#include <stdlib.h>

#include "keystore/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note_seen(const char *sentence, void *ctx)
{
	(void)ctx;
	if (sentence[0] == '\0') {
		abort();
	}
}

/* What was read must also be buildable, or refused with a sentence. */
static void build(struct p12 *p12, const struct p12_rules *rules)
{
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	enum err err = store_build(p12, rules, &keystore, &error);
	if ((err == ERR_OK) != (keystore != NULL) || (err != ERR_OK && error.sentence[0] == '\0')) {
		abort();
	}
	keystore_free(keystore);
	p12_release(p12);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct keystore_key_passphrase own = {"own", {(const uint8_t *)"y", 1}};
	const struct p12_rules rules = {.key_passphrases = &own,
		.key_passphrase_count = 1,
		.insecure_no_mac = true,
		.note = note_seen,
		.keep_unusable = true};
	struct bytes content = bytes_of(data, size);
	struct bytes passphrase = bytes_text("x");
	struct p12 p12 = {0};
	struct keystore_error error = {0};
	bool jceks = false;
	enum err err = jks_looks_like(content, &jceks)
			       ? jks_read_unchecked_digest(content, passphrase, &rules, &p12, &error)
			       : p12_read_unchecked_mac(content, passphrase, &rules, &p12, &error);
	if (err == ERR_OK) {
		build(&p12, &rules);
	} else if (error.sentence[0] == '\0') {
		abort(); /* a refusal says why */
	}
	/* The same bytes as MacData over nothing: its parser, which the above goes round. */
	struct p12_context context = {
		.passphrase = passphrase, .work_left = P12_UNCHECKED_WORK, .error = &error, .rules = &rules};
	struct wire_reader reader = wire_reader_init(content);
	if (p12_mac_check(&context, &reader, BYTES_NONE) == ERR_OK && wire_reader_left(&reader) != 0) {
		abort();
	}
	return 0;
}
