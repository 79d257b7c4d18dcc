/*
 * fuzz_x509_judge.c - reaches x509_judge() and, past the signatures that no fuzzer makes, path_check() with constraints.c
 *                     and policy.c. Input: DER certificates and CRLs one after another; the last certificate is the anchor.
 * Owns:    nothing between inputs.
 * Never:   sees an accepted chain whose leaf is not under the anchor.
 * Threads: one.
 */
#include <stdlib.h>

#include "x509/policy.h"

#define AT INT64_C(1425556800)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void split(struct bytes input, struct cert_list *certs, struct crl_list *crls)
{
	struct wire_reader in = wire_reader_init(input);
	struct der_item item;
	while (certs->count + crls->count < 16 && der_next(&in, &item) == ERR_OK) {
		struct cert *cert = NULL;
		struct crl *crl = NULL;
		if (cert_parse(item.whole, &cert, NULL) == ERR_OK && cert_list_add(certs, cert) != ERR_OK) {
			cert_unref(cert);
		}
		if (cert == NULL && crl_parse(item.whole, &crl, NULL) == ERR_OK &&
			crl_list_add(crls, crl) != ERR_OK) {
			crl_unref(crl);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const policies[] = {"2.16.840.1.101.3.2.1.48.1"};
	struct cert_list certs = {0};
	struct crl_list crls = {0};
	struct trust_set *trust = NULL;
	struct crl_set *set = NULL;
	split(bytes_of(data, len), &certs, &crls);
	if (certs.count != 0 &&
		trust_set_new((const struct cert *const *)&certs.items[certs.count - 1], 1, NULL, 0, 1,
			&trust) == ERR_OK &&
		crl_set_new((const struct crl *const *)crls.items, crls.count, 1, &set) == ERR_OK) {
		struct x509_question question = {.chain = (const struct cert *const *)certs.items,
			.chain_count = certs.count,
			.trust = trust,
			.crls = set,
			.now = AT,
			.purpose = X509_PURPOSE_ANY,
			.revocation = X509_REVOCATION_REQUIRED,
			.policies = policies,
			.policy_count = len % 2,
			.explicit_policy = len % 3 == 0,
			.may_need = len % 5 < 2,
			.need_cdp = true};
		struct x509_answer answer;
		x509_judge(&question, &answer);
		if (answer.verdict == X509_ACCEPT &&
			(answer.path_count < 2 || answer.path[0] != certs.items[0] ||
				answer.path[answer.path_count - 1] != certs.items[certs.count - 1])) {
			abort();
		}
		if (answer.need_count > (question.may_need ? X509_NEEDS_MAX : 0) ||
			(answer.need_count > 0 && answer.needs[0].delta != (answer.verdict == X509_ACCEPT))) {
			abort();
		}
		if (certs.count >= 2 && certs.count <= PATH_CERTS_MAX) {
			struct judgement judgement = {.question = &question, .out = &answer};
			(void)path_check(&judgement, question.chain, certs.count);
		}
	}
	crl_set_unref(set);
	trust_set_unref(trust);
	cert_list_release(&certs);
	crl_list_release(&crls);
	return 0;
}
