/*
 * test_crl_scopes.c - Goal: every list in force that covers a certificate is asked; one that names it revokes, whatever lists of
 *          another scope say. Only within one scope does the newer list speak for the older one (RFC 5280 6.3.3).
 */
#include "tests/x509/pki.h"
#include "x509/internal.h"

enum scope { SCOPE_NONE, SCOPE_FULL, SCOPE_USERS, SCOPE_CAS };

struct list {
	enum scope scope; /* SCOPE_NONE: there is none */
	uint8_t number;
	bool lists_leaf;
	bool stale;
};

static const struct {
	const char *row;
	struct list lists[2];
	enum x509_reason want;
} rows[] = {
	{"one full list", {{SCOPE_FULL, 1, false, false}}, X509_OK},
	{"one full list that names it", {{SCOPE_FULL, 1, true, false}}, X509_REVOKED},
	{"two scopes, on neither", {{SCOPE_FULL, 2, false, false}, {SCOPE_USERS, 1, false, false}}, X509_OK},
	{"RFC 5280 6.3.3 only the list with the lower number names it",
		{{SCOPE_FULL, 2, false, false}, {SCOPE_USERS, 1, true, false}}, X509_REVOKED},
	{"RFC 5280 6.3.3 only the full list names it",
		{{SCOPE_FULL, 1, true, false}, {SCOPE_USERS, 2, false, false}}, X509_REVOKED},
	{"a list of another scope that is stale and names it",
		{{SCOPE_FULL, 2, false, false}, {SCOPE_USERS, 1, true, true}}, X509_REVOKED},
	{"a list of another scope that is stale and does not",
		{{SCOPE_FULL, 2, false, false}, {SCOPE_USERS, 1, false, true}}, X509_OK},
	{"the same, asked first", {{SCOPE_FULL, 1, false, false}, {SCOPE_USERS, 2, false, true}}, X509_OK},
	{"an older list of the same scope names it: it came off",
		{{SCOPE_FULL, 2, false, false}, {SCOPE_FULL, 1, true, false}}, X509_OK},
	{"a list of a scope that does not cover it names it",
		{{SCOPE_FULL, 2, false, false}, {SCOPE_CAS, 1, true, false}}, X509_OK},
	{"only a list of a scope that does not cover it", {{SCOPE_CAS, 1, true, false}},
		X509_CRL_UNSUPPORTED},
};

/* RFC 5280 5.2.5: onlyContainsUserCerts is [1], onlyContainsCACerts [2]. */
static void put_scope(struct der_writer *out, enum scope scope)
{
	const uint8_t users[] = {0x30, 0x03, 0x81, 0x01, 0xff};
	const uint8_t cas[] = {0x30, 0x03, 0x82, 0x01, 0xff};
	if (scope == SCOPE_USERS) {
		pki_put_extension(out, "2.5.29.28", true, bytes_of(users, sizeof(users)));
	} else if (scope == SCOPE_CAS) {
		pki_put_extension(out, "2.5.29.28", true, bytes_of(cas, sizeof(cas)));
	}
}

static void put_tbs(
	struct der_writer *out, const struct pki *issuer, const struct pki *leaf, const struct list *list)
{
	const uint8_t number[] = {0x02, 0x01, list->number};
	int64_t since = PKI_NOW - PKI_DAY - (list->stale ? PKI_DAY : 0);
	der_put_begin(out, DER_SEQUENCE);
	der_put_uint(out, 1);
	pki_put_crl_algorithm(out);
	der_put_raw(out, cert_subject_der(issuer->cert));
	der_put_time(out, since);
	der_put_time(out, list->stale ? PKI_NOW - PKI_DAY : PKI_NOW + PKI_DAY);
	if (list->lists_leaf) {
		der_put_begin(out, DER_SEQUENCE);
		der_put_begin(out, DER_SEQUENCE);
		der_put(out, DER_INTEGER, cert_serial(leaf->cert));
		der_put_time(out, since);
		der_put_end(out);
		der_put_end(out);
	}
	der_put_begin(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put_begin(out, DER_SEQUENCE);
	pki_put_extension(out, "2.5.29.20", false, bytes_of(number, sizeof(number)));
	put_scope(out, list->scope);
	der_put_end(out);
	der_put_end(out);
	der_put_end(out);
}

static struct crl *make_list(
	const char *row, const struct pki *issuer, const struct pki *leaf, const struct list *list)
{
	struct buf tbs = BUF_INIT(65536);
	struct der_writer writer = der_writer_init(&tbs);
	if (list->scope == SCOPE_NONE) {
		return NULL;
	}
	put_tbs(&writer, issuer, leaf, list);
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
		struct crl *a = make_list(rows[i].row, &root, &leaf, &rows[i].lists[0]);
		struct crl *b = make_list(rows[i].row, &root, &leaf, &rows[i].lists[1]);
		/* In whichever order they are given. */
		for (unsigned turned = 0; turned < 2; turned++) {
			struct crl_set *set = turned == 0 ? pki_crls(a, b) : pki_crls(b, a);
			struct x509_answer answer =
				pki_judge(trust, set, X509_REVOCATION_REQUIRED, leaf.cert, NULL, NULL);
			CHECK(rows[i].row, answer.reason == rows[i].want);
			CHECK(rows[i].row, (answer.verdict == X509_ACCEPT) == (rows[i].want == X509_OK));
			if (answer.reason != rows[i].want) {
				printf("  %s\n", answer.sentence);
			}
			crl_set_unref(set);
		}
		crl_unref(a);
		crl_unref(b);
	}
	trust_set_unref(trust);
	pki_free(&leaf);
	pki_free(&root);
	crypto_cleanup();
	return test_result();
}
