/*
 * fuzz_x509_cert.c - reaches cert_parse() with der.c, name.c, ext.c, algorithm.c; cert_print_dn(), cert_crl_url(),
 *                    cert_freshest_url(), cert_list_load().
 * Owns:    nothing between inputs.
 * Never:   verifies a signature.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cert *cert = NULL;
	struct cert_list list = {0};
	struct buf text = BUF_INIT(1u << 22);
	if (cert_parse(bytes_of(data, len), &cert, NULL) == ERR_OK) {
		struct bytes value;
		if (!bytes_equal(cert_der(cert), bytes_of(data, len)) ||
			!x509_name_equal(cert_subject_der(cert), cert_subject_der(cert))) {
			abort();
		}
		char url[X509_URL_BYTES];
		for (size_t i = 0; i <= X509_CERT_URLS_MAX; i++) {
			if (cert_freshest_url(cert, i, url) && (i == X509_CERT_URLS_MAX || strlen(url) < 8)) {
				abort();
			}
			(void)cert_crl_url(cert, i, url);
		}
		for (size_t i = 0; i < cert_san_count(cert); i++) {
			(void)cert_san(cert, i, &value);
		}
		if (cert_print_dn(cert, true, &text) != ERR_OK ||
			cert_print_dn(cert, false, &text) != ERR_OK) {
			abort(); /* the text of any name that parses fits */
		}
		cert_unref(cert);
	}
	if (cert_list_load(bytes_of(data, len), &list, NULL) != ERR_OK && list.count != 0) {
		abort();
	}
	cert_list_release(&list);
	buf_release(&text);
	return 0;
}
