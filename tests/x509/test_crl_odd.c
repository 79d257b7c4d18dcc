/*
 * test_crl_odd.c - lists whose entries say what we cannot take at its word (RFC 5280 5.3).
 * Goal:    an entry's critical extension that nobody knows, or an entry of another issuer in a list that does not say it has such,
 *          makes the whole list worthless, whoever is looked up; the same list without that one thing serves.
 */
#include "tests/x509/pki.h"
#include "x509/internal.h"

struct entry {
	const char *oid; /* NULL: no extension */
	bool critical;
	const char *value;
	size_t len;
};

/* GeneralNames { directoryName { CN=Other } } */
#define OTHER_ISSUER "\x30\x14\xa4\x12\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05Other"

static const struct {
	const char *row;
	struct entry entry;
	bool indirect; /* the list says that it holds entries of others */
	enum x509_reason want;
} rows[] = {
	{"RFC 5280 5.3 no extension", {NULL, false, NULL, 0}, false, X509_OK},
	{"RFC 5280 5.3.1 a reason", {"2.5.29.21", false, "\x0a\x01\x01", 3}, false, X509_OK},
	{"RFC 5280 5.3.2 an invalidity date",
		{"2.5.29.24", false,
			"\x18\x0f"
			"20260101000000Z",
			17},
		false, X509_OK},
	{"RFC 5280 5.3 unknown, not critical", {"1.2.3.4", false, "\x05\x00", 2}, false, X509_OK},
	{"RFC 5280 5.3 unknown, critical", {"1.2.3.4", true, "\x05\x00", 2}, false, X509_CRL_UNSUPPORTED},
	{"RFC 5280 5.3.3 another issuer, in a list that does not say so",
		{"2.5.29.29", true, OTHER_ISSUER, sizeof(OTHER_ISSUER) - 1}, false, X509_CRL_UNSUPPORTED},
	{"RFC 5280 5.3.3 another issuer, in an indirect list",
		{"2.5.29.29", true, OTHER_ISSUER, sizeof(OTHER_ISSUER) - 1}, true, X509_OK},
};

static void put_tbs(
	struct der_writer *out, const struct pki *issuer, const struct entry *entry, bool indirect)
{
	der_put_begin(out, DER_SEQUENCE);
	der_put_uint(out, 1);
	pki_put_crl_algorithm(out);
	der_put_raw(out, cert_subject_der(issuer->cert));
	der_put_time(out, PKI_NOW - PKI_DAY);
	der_put_time(out, PKI_NOW + PKI_DAY);
	der_put_begin(out, DER_SEQUENCE);
	der_put_begin(out, DER_SEQUENCE);
	der_put(out, DER_INTEGER, bytes_text("\x7f")); /* nobody's serial number here */
	der_put_time(out, PKI_NOW - PKI_DAY);
	if (entry->oid != NULL) {
		der_put_begin(out, DER_SEQUENCE);
		pki_put_extension(out, entry->oid, entry->critical, bytes_of(entry->value, entry->len));
		der_put_end(out);
	}
	der_put_end(out);
	der_put_end(out);
	der_put_begin(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put_begin(out, DER_SEQUENCE);
	pki_put_extension(out, "2.5.29.20", false, bytes_of("\x02\x01\x01", 3));
	if (indirect) {
		pki_put_extension(out, "2.5.29.28", true, bytes_of("\x30\x03\x84\x01\xff", 5));
	}
	der_put_end(out);
	der_put_end(out);
	der_put_end(out);
}

static struct crl *make_list(
	const char *row, const struct pki *issuer, const struct entry *entry, bool indirect)
{
	struct buf tbs = BUF_INIT(65536);
	struct der_writer writer = der_writer_init(&tbs);
	put_tbs(&writer, issuer, entry, indirect);
	REQUIRE(row, der_writer_err(&writer) == ERR_OK);
	struct crl *crl = pki_crl_of_tbs(row, issuer, buf_bytes(&tbs));
	buf_release(&tbs);
	return crl;
}

int main(void)
{
	pki_init();
	struct pki root = pki_root("Root");
	struct pki leaf = pki_leaf(&root, "device");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct crl *crl = make_list(rows[i].row, &root, &rows[i].entry, rows[i].indirect);
		struct crl_set *set = pki_crls(crl, NULL);
		struct x509_answer answer =
			pki_judge(trust, set, X509_REVOCATION_REQUIRED, leaf.cert, NULL, NULL);
		CHECK(rows[i].row, answer.reason == rows[i].want);
		CHECK(rows[i].row, (answer.verdict == X509_ACCEPT) == (rows[i].want == X509_OK));
		if (answer.reason != rows[i].want) {
			printf("  %s\n", answer.sentence);
		}
		answer = pki_judge(trust, set, X509_REVOCATION_IF_AVAILABLE, leaf.cert, NULL, NULL);
		CHECK(rows[i].row, answer.reason == rows[i].want); /* there is a list: it must be of use */
		crl_set_unref(set);
		crl_unref(crl);
	}
	trust_set_unref(trust);
	pki_free(&leaf);
	pki_free(&root);
	crypto_cleanup();
	return test_result();
}
