/*
 * fuzz_x509_crl.c - reaches crl_parse() with its index, crl_find(), crl_freshest_url(), crl_is_behind(),
 *                   crl_print_issuer(), crl_list_load().
 * Owns:    nothing between inputs.
 * Never:   verifies a signature.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Where the entries stand in a list that crl_parse() took. */
static struct bytes revoked_of(struct bytes der)
{
	struct wire_reader in = wire_reader_init(der);
	struct wire_reader outer;
	struct wire_reader tbs;
	struct bytes skipped;
	if (der_enter(&in, DER_SEQUENCE, &outer) != ERR_OK ||
		der_enter(&outer, DER_SEQUENCE, &tbs) != ERR_OK ||
		(der_is_next(&tbs, DER_INTEGER) && der_value(&tbs, DER_INTEGER, &skipped) != ERR_OK) ||
		der_value(&tbs, DER_SEQUENCE, &skipped) != ERR_OK ||
		der_value(&tbs, DER_SEQUENCE, &skipped) != ERR_OK) {
		abort();
	}
	int64_t when;
	while (der_is_next(&tbs, DER_UTC_TIME) || der_is_next(&tbs, DER_GENERALIZED_TIME)) {
		if (der_time(&tbs, &when) != ERR_OK) {
			abort();
		}
	}
	if (!der_is_next(&tbs, DER_SEQUENCE)) {
		return BYTES_NONE;
	}
	return der_value(&tbs, DER_SEQUENCE, &skipped) == ERR_OK ? skipped : BYTES_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct crl *crl = NULL;
	struct crl_list list = {0};
	struct buf text = BUF_INIT(1u << 22);
	if (crl_parse(bytes_of(data, len), &crl, NULL) == ERR_OK) {
		struct crl_entry entry;
		struct wire_reader in = wire_reader_init(revoked_of(bytes_of(data, len)));
		struct wire_reader item;
		struct bytes serial;
		/* Whatever is listed is found. */
		while (der_enter(&in, DER_SEQUENCE, &item) == ERR_OK &&
			der_integer(&item, &serial) == ERR_OK) {
			if (crl_find(crl, serial, NULL, &entry) != ERR_OK) {
				abort();
			}
			(void)!crl_find(crl, serial, &crl->issuer, &entry);
		}
		char url[X509_URL_BYTES];
		for (size_t i = 0; i <= X509_CERT_URLS_MAX; i++) {
			if (crl_freshest_url(crl, i, url) &&
				(crl_is_delta(crl) || i == X509_CERT_URLS_MAX || strlen(url) < 8)) {
				abort();
			}
		}
		if (crl_is_behind(crl, crl)) {
			abort();
		}
		if (crl_print_issuer(crl, &text) != ERR_OK) {
			abort();
		}
		crl_unref(crl);
	}
	if (crl_list_load(bytes_of(data, len), &list, NULL) != ERR_OK && list.count != 0) {
		abort();
	}
	crl_list_release(&list);
	buf_release(&text);
	return 0;
}
